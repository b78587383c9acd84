#!/bin/sh
# What the job runs. It finds its key in the environment, as any tool does.
set -eu
echo "deploying with a key of ${#WEATHER_API_KEY} characters"
echo "a careless line: key=$WEATHER_API_KEY"

#!/usr/bin/env node
// Where the command begins: loads it, and for a hot door with what V8 made of its code before.
import { argv } from "node:process"
import { ChunkLoader } from "./chunk-loader.js"
import { CodeCache } from "./code-cache.js"
import { hotDoor } from "./hot-doors.js"

const COMMAND = "./main.cjs"

const door = hotDoor(argv.slice(2))
const cache = door === undefined ? undefined : CodeCache.of(door, __filename)
const load: NodeJS.Require = require
if (cache === undefined) load(COMMAND)
else new ChunkLoader(__dirname, load, cache).load(COMMAND)

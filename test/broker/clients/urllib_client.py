import os, urllib.request

request = urllib.request.Request(
    os.environ["BASE"] + "/v1/echo", headers={"Authorization": "Bearer " + os.environ["KEY"]}
)
with urllib.request.urlopen(request) as reply:
    print(reply.status, reply.read().decode())

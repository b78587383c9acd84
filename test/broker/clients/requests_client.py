import os, requests

reply = requests.get(os.environ["BASE"] + "/v1/echo", headers={"Authorization": "Bearer " + os.environ["KEY"]})
print(reply.status_code, reply.text)

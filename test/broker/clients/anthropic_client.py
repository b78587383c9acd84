import os, anthropic

client = anthropic.Anthropic(api_key=os.environ["KEY"], base_url=os.environ["BASE"], max_retries=0)
message = [{"role": "user", "content": "hello"}]
said = client.messages.create(model="m", max_tokens=9, messages=message)
print(200, said.content[0].text)

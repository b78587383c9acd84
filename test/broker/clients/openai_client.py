import os, openai

client = openai.OpenAI(api_key=os.environ["KEY"], base_url=os.environ["BASE"] + "/v1", max_retries=0)
said = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
print(200, said.choices[0].message.content)

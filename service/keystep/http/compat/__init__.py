"""Trainers' own protocols, one file each. A trainer is given a URL of the service; no code of its own changes.

POST /get_reward              OpenRLHF, lmm-r1      openrlhf.py
POST /compat/slime            slime, miles          slime.py
POST /v1/score/evaluation     LLaMA-Factory         llama_factory.py
POST /classify                vLLM, by verl         vllm.py
POST /v1/embeddings           SGLang, by verl       vllm.py
POST /verify                  NeMo-Gym              nemo_gym.py
POST /compat/bedrock          AWS                   bedrock.py
"""

"""keystep inside trainers, one short file each. None imports its trainer; each is shown in clients/examples/.

    trl.py       GRPOTrainer, AsyncGRPO     reward_funcs=keystep_reward(URL)
    verl.py      verl                       custom_reward_function.path=pkg://keystep_client.adapters.verl
    openrlhf.py  OpenRLHF                   --reward.remote_url reward.py (or only the service's URL, without this)
    ms_swift.py  ms-swift                   --external_plugins plugin.py --reward_funcs keystep
    easyr1.py    EasyR1                     worker.reward.reward_function=reward.py:compute_score

samples.py is what they share: a trainer's samples to groups of the wire, and back.
"""

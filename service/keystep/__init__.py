"""keystep: the reward service for step-wise reinforcement learning of multimodal reasoners.

Start reading at core/rewards.py.
"""

__version__ = "0.1.0"

"""Judging responses by a language model, and what judgements come to.

formats.py (outputs of AlpacaEval 2, Arena-Hard, MT-Bench) -> judge.py (both orders, cached) -> judgements.py -> winrate.py
"""

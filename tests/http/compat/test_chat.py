"""Conversations as trainers render them: where the response begins, and what is left of it."""

from __future__ import annotations

import time

import pytest

from keystep.http.compat import chat

CHATML = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"
LLAMA = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHow many?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
GEMMA = "<bos><start_of_turn>user\nHow many?<end_of_turn>\n<start_of_turn>model\n"
MISTRAL = "<s>[INST] How many? [/INST]"
DEEPSEEK = "<｜begin▁of▁sentence｜><｜User｜>How many?<｜Assistant｜>"
VICUNA = "USER: How many? ASSISTANT:"
TEMPLATES = pytest.mark.parametrize(
    "prompt", [CHATML, LLAMA, GEMMA, MISTRAL, DEEPSEEK, VICUNA], ids=["chatml", "llama", "gemma", "mistral", "deepseek", "vicuna"]
)


@TEMPLATES
def test_templates(prompt):
    query = f"{prompt} Seven minus 1.\n\nIt is 6.</s><|im_end|><pad><pad>"
    for given in (prompt, None, "what the dataset calls this prompt"):
        assert chat.response(query, given) == "Seven minus 1.\n\nIt is 6."
    assert chat.split(query) == ("How many?", "Seven minus 1.\n\nIt is 6.")
    assert chat.question(prompt) == "How many?"


def test_the_last_turn_is_the_response():
    query = CHATML + "5<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n6<|im_end|>"
    assert chat.split(query) == ("Sure?", "6")


def test_words_that_look_like_a_turn_are_none_where_tokens_mark_turns():
    assert chat.split(CHATML + "USER: 5? ASSISTANT: 6<|im_end|>") == ("How many?", "USER: 5? ASSISTANT: 6")


@pytest.mark.parametrize(
    ("query", "prompt", "response"),
    [
        ("How many? 6", "How many?", "6"),
        ("How  many ?\n6", "How many?", "6"),  # decoding has changed white space
        ("<s> How many? 6</s>", "How many?", "6"),
        (
            "<|vision_start|><|image_pad|><|image_pad|><|vision_end|>How many? 6",
            "<|vision_start|><|image_pad|><|vision_end|>How many?",
            "6",
        ),
        (
            "can be seen in the picture on the left, all in all? 6",
            "How many red objects can be seen in the picture on the left, all in all?",
            "6",
        ),  # cut at the front
        ("6", "", "6"),
        ("6<|im_end|>", None, "6"),
        ("", None, ""),
        ("6", "How many?", None),
        ("no", "Is it yes or no", None),
        ("", "How many?", None),
    ],
)
def test_where_the_response_begins(query, prompt, response):
    assert chat.response(query, prompt) == response


def test_prompts_as_messages():
    assert chat.question('[{"role": "user", "content": "How many?"}]') == "How many?"
    assert chat.question('[{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How many?"}]}]') == "How many?"
    for odd in ("[1, 2] or [3]?", "[]", '["a"]', "[INST] x"):
        assert isinstance(chat.question(odd), str)
    assert chat.last_message([{"role": "system"}, 5, {"role": "user"}], "user") == ""
    assert chat.content_text(None) == chat.content_text([{"type": "image"}, "x", {"text": 5}]) == ""


def test_what_looks_like_a_token_and_is_none_stays():
    for text in ("a < b and b > c", "<b>bold</b>", "if x <|y and y|> z", "List[int]", "<think>hm</think>", "<answer>6</answer>"):
        assert chat.plain(text) == text


def test_bombs_cost_little():
    started = time.process_time()
    for query, prompt in (("a" * 200_000, "a" * 199_999 + "b"), ("<|" * 100_000, "<|x" * 60_000), ("[INST]" * 50_000, "b" * 100_000)):
        chat.response(query, prompt)
    assert time.process_time() - started < 20  # minutes, if cost grew with the square of the length

"""Prompting: what a model does better only because it is asked in another way.

Read `prompts` (zero-shot, few-shot, chain of thought), `chats` (answers of a chat model) and
`in_context` (whether an example in the prompt helps a model that never saw one there).
"""

"""The rows of `finetune compare`."""

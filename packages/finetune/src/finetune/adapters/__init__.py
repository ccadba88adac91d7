"""Training a few weights beside many frozen ones: LoRA, a base in four bits, soft prompts."""

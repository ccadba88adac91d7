"""The commands of the program `finetune`: each reads as options, data, training, report."""

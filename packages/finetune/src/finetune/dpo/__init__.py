"""Direct preference optimisation: learning from pairs of answers without a reward model.

Read `losses` (DPO, IPO, conservative and robust DPO), `margins`, `training` (the step), `pairs`,
then `run` (what `finetune dpo` does in a run folder). Only chapters and `finetune compare` use
`kto` with `unpaired`, and `reference_free`.
"""

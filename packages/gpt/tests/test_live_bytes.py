import torch

from gpt.evaluation.live_bytes import LiveBytes


def test_live_bytes_by_hand():
    with LiveBytes() as live:
        x = torch.zeros(100)  # 400
        view = x[10:].view(9, 10)
        y = view + 1  # 360, and 760 at once
        del x
        assert live.current == 760  # the view still holds the first
        del view
        y.add_(1)
        assert (live.current, live.peak) == (360, 760)
    del y
    assert live.current == 0


def test_a_tensor_from_outside_is_not_counted_and_a_copy_is():
    x = torch.zeros(100)
    with LiveBytes() as live:
        x += 1
        kept = x[:50]
        assert live.peak == 0
        kept = kept.clone()
    assert (live.current, live.peak) == (200, 200)
    assert kept.nbytes == 200

import pytest
import torch
from matplotlib.text import Text

from diffusion.display.figures import times_figure, trajectories_figure, velocity_error_figure
from diffusion.display.image_figures import (
    attention_figure,
    guidance_figure,
    interpolation_figure,
    latent_figure,
    latent_path_figure,
)
from gpt.errors import BadInput
from gpt.plots import save_figure


def trajectories():
    path = torch.randn(5, 6, 2)
    return trajectories_figure(path, torch.tensor([0, 0, 1, 1, 2, 2]), ["left", "right", "top"])


def times():
    visited = {"even": torch.tensor([1.0, 0.75, 0.5, 0.25]), "shifted": torch.tensor([1.0, 0.95])}
    return times_figure(torch.linspace(0, 1, 101), visited)


def errors():
    curves = {"predicts x": torch.tensor([0.1, 0.2]), "predicts v": torch.tensor([0.3, 0.1])}
    return velocity_error_figure(torch.tensor([0.2, 0.8]), curves, "squared error")


def guidance():
    return guidance_figure(torch.zeros(2, 3, 1, 8, 8), [1.0, 2.5], ["cat", "dog", "owl"])


def interpolation():
    return interpolation_figure(torch.zeros(1, 3, 3, 8, 8), [("red apple", "green apple")])


def attention():
    return attention_figure(torch.zeros(3, 32, 32), torch.rand(6, 8, 8), list("abcdef"))


def latents():
    return latent_figure(torch.randn(4, 8, 8), torch.zeros(3, 32, 32))


def latent_path():
    names = ["latent", "decoded", "guess"]
    return latent_path_figure(torch.rand(2, 4, 4), torch.zeros(2, 2, 3, 8, 8), [1.0, 0.0], names)


ALL = [trajectories, times, errors, guidance, interpolation, attention, latents, latent_path]


def texts(figure):
    return {text.get_text() for text in figure.findobj(Text) if text.get_text()}


@pytest.mark.parametrize("draw", ALL)
def test_all_text_is_at_least_9_points_and_the_figure_is_an_image(draw, tmp_path):
    figure = draw()
    save_figure(tmp_path / "figure.png", figure)
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook asks for
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 9


def test_paths_start_at_noise_and_end_in_the_colour_of_their_component():
    path = torch.zeros(3, 2, 2)
    path[:, 0, 0], path[:, 1, 0] = torch.tensor([5.0, 6, 7]), torch.tensor([-5.0, -6, -7])
    [axes] = trajectories_figure(path, torch.tensor([1, 0]), ["a", "b"]).axes
    a, b, noise = (each.get_offsets().tolist() for each in axes.collections)
    assert (a, b, noise) == ([[-7, 0]], [[7, 0]], [[5, 0], [-5, 0]])
    assert [line.get_xdata().tolist() for line in axes.lines] == [[-5, -6, -7], [5, 6, 7]]


def test_the_labels_count_times_above_nine_tenths():
    assert {"10 % of trained times are above t = 0.9"} < texts(times())
    assert {"even\n(1 of 4 above 0.9)", "shifted\n(2 of 2 above 0.9)"} < texts(times())


def test_rows_are_weights_and_columns_are_labels():
    images = torch.arange(6.0).reshape(2, 3, 1, 1, 1).expand(-1, -1, 1, 2, 2) / 127.5 - 1
    figure = guidance_figure(images, [1.0, 2.5], ["cat", "dog", "owl"])
    assert [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes] == [0, 1, 2, 3, 4, 5]
    assert [axes.get_title() for axes in figure.axes[:3]] == ["cat", "dog", "owl"]
    assert [figure.axes[row].get_ylabel() for row in (0, 3)] == ["guidance 1", "guidance 2.5"]


def test_interpolations_name_both_prompts_and_the_weights():
    assert {"red apple\nto green apple", "0 %", "50 %", "100 %"} < texts(interpolation())


def test_attention_maps_cover_the_image_on_one_scale():
    maps = torch.zeros(2, 4, 4)
    maps[1, 0, 3] = 0.5
    figure = attention_figure(torch.zeros(1, 32, 16), maps, ["red", "apple"])
    heat = [axes.images[1] for axes in figure.axes[1:3]]
    assert [image.get_extent() for image in heat] == [[0, 16, 32, 0]] * 2
    assert [(image.norm.vmin, image.norm.vmax) for image in heat] == [(0, 0.5)] * 2
    assert heat[1].get_array()[0, 3] == 0.5


def test_latent_channels_say_their_mean_and_deviation_on_one_scale():
    channels = torch.tensor([[[1.0, 3.0]], [[-4.0, 0.0]]])
    figure = latent_figure(channels, torch.zeros(1, 2, 2))
    assert {"mean 2.0, sd 1.0", "mean -2.0, sd 2.0"} < texts(figure)
    scales = {(axes.images[0].norm.vmin, axes.images[0].norm.vmax) for axes in figure.axes[1:3]}
    assert scales == {(-4, 4)}


def test_the_path_of_a_latent_has_one_colour_scale_above_the_images_of_its_times():
    latents = torch.stack([torch.full((2, 2), 3.0), torch.full((2, 2), -1.0)])
    images = torch.arange(2.0).reshape(1, 2, 1, 1, 1).expand(-1, -1, 3, 4, 4) / 127.5 - 1
    figure = latent_path_figure(latents, images, [1.0, 0.25], ["channel 0", "decoded"])
    maps = [axes.images[0] for axes in figure.axes[:2]]
    assert [(each.norm.vmin, each.norm.vmax) for each in maps] == [(-3, 3)] * 2
    assert [each.get_array()[0, 0] for each in maps] == [3, -1]
    assert [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes[2:]] == [0, 1]
    assert texts(figure) == {"t = 1.00", "t = 0.25", "channel 0", "decoded"}


NAN = torch.tensor(torch.nan)
IMAGE = torch.zeros(3, 8, 8)
TWO_IMAGES = torch.zeros(1, 2, 3, 8, 8)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: trajectories_figure(NAN.expand(2, 3, 2), torch.zeros(3).long(), "a"), "path"),
        (lambda: trajectories_figure(torch.zeros(2, 3, 2), torch.tensor([0, 1, 2]), "ab"), "to 2"),
        (lambda: times_figure(torch.tensor([0.5, 1.5]), {}), "times of 'trained' must lie in"),
        (lambda: times_figure(torch.rand(5), {"euler": torch.tensor([-0.1])}), "times of 'euler'"),
        (lambda: times_figure(torch.rand(0), {}), "there must be one"),
        (lambda: velocity_error_figure(torch.rand(2), {}, ""), "at least one curve, got none"),
        (lambda: velocity_error_figure(torch.rand(2), {"v": NAN.expand(2)}, ""), "v holds NaN"),
        (lambda: guidance_figure(torch.zeros(2, 3, 1, 8, 8), [1.0], "abc"), "got 1 names of rows"),
        (lambda: guidance_figure(torch.zeros(1, 1, 2, 8, 8), [1.0], "a"), "1 or 3 channels"),
        (lambda: interpolation_figure(torch.zeros(2, 3, 3, 8, 8), []), "got 0 names of rows"),
        (lambda: attention_figure(IMAGE, torch.rand(2, 4, 4), ["a"]), "2 attention maps got 1"),
        (lambda: attention_figure(IMAGE, NAN.expand(1, 4, 4), ["a"]), "maps holds NaN"),
        (lambda: latent_figure(NAN.expand(4, 8, 8), IMAGE), "latents holds NaN"),
        (
            lambda: latent_path_figure(torch.rand(2, 4, 4), TWO_IMAGES, [1.0], "a"),
            "1 rows of images at 2 times got 0 names of rows, 1 times and 2 maps",
        ),
        (
            lambda: latent_path_figure(NAN.expand(1, 4, 4), IMAGE[None, None], [1.0], "ab"),
            "latents holds NaN",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(BadInput, match=message):
        draw()

"""`diffusion sample`, `eval` and `demo` on models of a few steps."""

import json
import shutil

import pytest
import torch
from PIL import Image

from diffusion.cli import main
from diffusion.clip.file import load_clip
from diffusion.data.captions import WordTokenizer
from diffusion.flow.guidance import Guidance
from diffusion.pretrained.export import import_diffusers
from diffusion.training.folder import DiffusionFolder
from diffusion.training.image_model import SamplingPlan, load_run
from diffusion.training.model_file import SHIPPED, load_model, shipped_model
from diffusion.weight_files import read_weights
from gpt.errors import BadInput

CLIP = (
    "--task emoji --n-names 4 --copies 1 --stage clip --device cpu --batch-size 8 --steps 20 "
    "--patch-size 8"
)
TEXT = "--task emoji --n-names 4 --copies 1 --stage latent --condition text --n-heads 2"
PLAN = SamplingPlan(2)
SMALL = "--device cpu --d-model 32 --n-layers 1 --batch-size 6 --steps 2"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Runs of digits, points and emoji: an autoencoder, a CLIP, and models of latents."""
    home = tmp_path_factory.mktemp("runs")
    emoji = "--task emoji --n-names 4 --copies 1 --condition none"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for call in (
            f"train {SMALL} --name digits",
            f"train {SMALL} --task flow2d --name points",
            f"train {SMALL} --task flow2d --condition class --name ring",
            f"train {SMALL} {emoji} --stage vae --stage-channels 8 8 --name vae",
            f"train {SMALL} {emoji} --stage latent --vae runs/vae --n-heads 2 --name latent",
            f"train {CLIP} --name clip",
            f"train {SMALL} {TEXT} --vae runs/vae --clip runs/clip --name text",
        ):
            assert main(call.split()) == 0
    shutil.copytree(home / "runs/text", home / "runs/text-64")
    config = home / "runs/text-64/config.json"
    settings = json.loads(config.read_text())
    settings["command"]["size"] = 64
    config.write_text(json.dumps(settings))
    (home / "junk.safetensors").write_bytes(b"junk")
    return home


@pytest.fixture
def at_home(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def test_samples_of_classes_are_written_with_a_strip(at_home, capsys):
    call = "sample 3 seven --run runs/digits --n 2 --steps 3 --strip --out new.png"
    assert main(call.split()) == 0
    assert "4 images are in new.png" in capsys.readouterr().err
    with Image.open(at_home / "new.png") as grid, Image.open(at_home / "new-strip.png") as strip:
        assert grid.height > 2 * 64 and strip.width > 4 * 64


def test_equal_seeds_give_equal_files(at_home):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        call = f"sample --run runs/digits --steps 2 --seed {seed} --out {name}.png"
        assert main(call.split()) == 0
    a, b, c = ((at_home / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_points_are_drawn_with_their_paths(at_home, capsys):
    call = "sample --run runs/points --n 30 --steps 2 --out points.png"
    assert main(call.split()) == 0
    assert "30 points and their paths are in points.png" in capsys.readouterr().err
    call = "sample 1 component-7 --run runs/ring --n 2 --steps 2 --out ring.png"
    assert main(call.split()) == 0
    assert "4 points and their paths are in ring.png" in capsys.readouterr().err
    for name in ("points", "ring"):
        with Image.open(at_home / f"{name}.png") as figure:
            assert figure.format == "PNG" and figure.width > 500


def test_a_finished_run_is_reported_as_json(at_home, capsys):
    for name, keys in (
        ("digits", {"run", "validation_loss"}),
        ("vae", {"run", "validation_loss", "psnr", "l1"}),
        ("clip", {"run", "validation_loss", "right_captions"}),
    ):
        shutil.copytree(at_home / "runs" / name, at_home / "copies" / name)
        assert main(["train", "--resume", f"copies/{name}", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report.keys() == keys
        assert report["run"] == f"copies/{name}"
        records = DiffusionFolder(at_home / "runs" / name).read_log()
        assert report["validation_loss"] == records[-1]["validation"]


def test_latents_are_decoded_to_images(at_home):
    assert (
        main(["sample", "--run", "runs/latent", "--n", "3", "--steps", "2", "--guidance", "1"]) == 0
    )
    assert (at_home / "runs/latent/samples.png").stat().st_size > 1000
    model = load_run(at_home / "runs/latent")
    assert model.vae is not None and model.shape == (4, 16, 16)
    with pytest.raises(BadInput, match="this model is unconditional and takes no prompt"):
        model.encode(["red apple"])


def test_a_caption_is_drawn_by_a_model_with_the_encoder_of_clip(at_home, capsys):
    [name, *_] = load_run(at_home / "runs/text").prompts.words
    caption = f"noto {name}"
    assert main(["sample", caption, caption, "--run", "runs/text", "--steps", "2"]) == 0
    model = load_run(at_home / "runs/text")
    tower = load_clip(at_home / "runs/clip/clip.safetensors").clip.caption_tower
    condition = model.flow.network.condition
    for ours, theirs in zip(condition.encoder.parameters(), tower.parameters(), strict=True):
        assert torch.equal(ours, theirs)  # frozen in training, restored from the run's own copy
    file = at_home / "runs/text/clip.safetensors"
    assert file.read_bytes() == (at_home / "runs/clip/clip.safetensors").read_bytes()
    assert main(["sample", "noto xyzzy", "--run", "runs/text", "--steps", "2"]) == 2
    assert "no caption in training has the word 'xyzzy'" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["pixel", "clip"])
def test_captions_with_words_of_their_own_can_be_learned(stage, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        file = tmp_path / "photos" / f"a red thing{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", (32, 32), (8 * number, 0, 0)).save(file)
    call = f"train {SMALL} --task images --data photos --stage {stage} --patch-size 8 --steps 20"
    assert main(call.split()) == 0
    message = "3 of 3 held-out captions have words that no caption in training has"
    assert message in capsys.readouterr().err


def test_a_clip_says_what_guessing_costs_and_what_it_finds(at_home, capsys):
    assert main(["train", "--resume", "runs/clip"]) == 0  # nothing is left to train
    printed = capsys.readouterr().err
    assert "guessing among 8 captions has a loss of 2.079" in printed
    assert "right captions found: " in printed


def test_a_clip_that_only_guesses_has_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *CLIP.split(), "--steps", "1", "--learning-rate", "1e-9"]) == 1
    assert "the loss never fell below" in capsys.readouterr().err
    assert not (tmp_path / "runs/diffusion/clip.safetensors").exists()


@pytest.mark.parametrize(("name", "prompt"), [("text", "caption"), ("digits", "7")])
def test_a_file_of_a_model_draws_what_its_run_draws(at_home, name, prompt):
    run, file = at_home / "runs" / name, at_home / f"{name}.safetensors"
    assert main(["export", "--run", str(run), "--output", str(file)]) == 0
    assert main(["export", "--run", str(run), "--output", str(file)]) == 2  # it exists
    ours, loaded = load_run(run), load_model(file)
    if prompt == "caption":
        assert isinstance(ours.prompts, WordTokenizer)
        prompt = f"noto {ours.prompts.words[0]}"
    assert loaded.prompts == ours.prompts and loaded.shape == ours.shape
    images = [
        each.to_images(each.sample(each.encode([prompt]), PLAN, torch.Generator().manual_seed(0)))
        for each in (ours, loaded)
    ]
    # bf16 has 8 bits; a model that was hardly trained predicts almost 0
    torch.testing.assert_close(images[1], images[0], rtol=0, atol=0.05)
    assert main(["sample", prompt, "--run", str(file), "--steps", "2"]) == 0
    assert (at_home / "samples.png").is_file()


def test_runs_are_exported_for_diffusers_and_open_clip(at_home, capsys):
    for name, file in (
        ("digits", "transformer/diffusion_pytorch_model.safetensors"),
        ("vae", "diffusion_pytorch_model.safetensors"),
        ("clip", "open_clip_model.safetensors"),
    ):
        call = f"export --run runs/{name} --output exported/{name}"
        assert main(call.split()) == 0
        assert (at_home / "exported" / name / file).stat().st_size > 1000
        assert main(call.split()) == 2  # the folder is not empty
        assert main([*call.split(), "--overwrite"]) == 0
    model = import_diffusers(at_home / "exported/digits").model
    ours = load_run(at_home / "runs/digits").flow
    x, t, label = torch.randn(2, 1, 8, 8), torch.tensor([0.3, 0.9]), torch.tensor([[1], [10]])
    with torch.no_grad():
        torch.testing.assert_close(model(x, t, label), ours(x, t, label), rtol=1e-5, atol=1e-5)


def test_digits_are_measured_and_the_report_is_kept(at_home, capsys):
    call = "eval --run runs/digits --n 20 --guidance 1.0 2.0 --steps 2 --json"
    assert main(call.split()) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((at_home / "runs/digits/eval.json").read_text())
    assert report["judge_accuracy"] > 0.99
    assert [row["guidance"] for row in report["rows"]] == [1.0, 2.0]
    for row in report["rows"]:
        assert row["accuracy"] < 0.5  # two steps teach nothing
        assert row["frechet"] > 2 * row["frechet_floor"]


def test_points_are_measured_with_the_error_of_their_velocity(at_home, capsys):
    call = "eval --run runs/points --n 50 --json"
    assert main(call.split()) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["velocity"]["squared_errors"]) == 21
    assert min(report["velocity"]["squared_errors"]) > 0.1  # two steps teach nothing
    [row] = report["rows"]
    assert row["right_component"] is None and row["energy"] > 10 * abs(row["energy_floor"])
    with Image.open(at_home / "runs/points/velocity-error.png") as figure:
        assert figure.width > 400
    call = "eval --run runs/ring --n 50 --guidance 1 2"
    assert main(call.split()) == 0
    assert "right" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("sample nine9 --run runs/digits", "no class 'nine9'; try nine"),
        ("sample 10 --run runs/digits", "there is no class '10'"),
        ("sample cat --run runs/latent", "unconditional and takes no prompt, got 'cat'"),
        ("sample --run runs/vae", "is a run of stage vae, which generates nothing by itself"),
        ("sample --run runs/clip", "is a run of stage clip, which generates nothing by itself"),
        ("sample --run gone", "there is no run in 'gone'"),
        ("sample --run runs/digits --n 0", "n must be at least 1, got 0"),
        ("sample --run runs/digits --steps 0", "steps must be at least 1, got 0"),
        ("sample --run runs/digits --shift 0", "shift must be a positive number, got 0.0"),
        ("sample --run runs/digits --guidance nan", "guidance must be a finite number, got nan"),
        ("sample --run runs/digits --guidance-start 2", "must start and end in .0, 1."),
        ("sample --run runs/digits --sampler ddim", "invalid choice 'ddim'"),
        ("sample --run runs/digits --out a.gif", "out must be the name of a .png file"),
        ("sample --run runs/digits --seed -1", "seed must lie in"),
        (
            "eval --run runs/latent",
            "eval measures points, digits by class, and shapes and emoji by caption",
        ),
        ("eval --run runs/latent", "is a run of emoji with condition none"),
        ("eval --run runs/points --n 1", "n must lie between 2 and 5000, got 1"),
        ("eval --run runs/text-64", "emoji only at 32 pixels"),
        ("eval --run runs/digits --n 451", "n must lie between 20 and 450, got 451"),
        ("eval --run runs/digits --steps 0", "steps must be at least 1, got 0"),
        ("train --resume runs/digits --d-model 64", "this run has d_model 32, not 64"),
        ("train --name digits", "already holds a run; continue it with --resume"),
        ("train --task emoji --stage latent", "the latent stage needs an autoencoder"),
        ("train --task emoji --stage latent --vae gone", "no weight file 'gone'"),
        ("train --task emoji --stage latent --vae runs/digits", "no weight file 'runs/digits/vae"),
        ("train --task emoji --n-names 999", "n_names must lie between 1 and 240, got 999"),
        ("train --task flow2d --stage vae", "points have no vae stage"),
        ("train --task emoji --copies 0", "copies must be at least 1, got 0"),
        ("train --stage vae --stage-channels 9", "must be multiples of 8"),
        ("train --stage vae --kl-weight -1", "kl_weight must be a number from 0 up, got -1.0"),
        ("sample --run junk.safetensors", "is damaged or is not a file of this package"),
        ("export --run runs/vae --output v.safetensors", "is a run of stage vae"),
        ("export --run gone --output new", "there is no run in 'gone'"),
        ("export --run runs/text --output new", "need a model that predicts the velocity"),
        ("export --run runs/points --output new", "only a DiT can be exported to diffusers"),
        ("demo --steps 0", "steps must be at least 1, got 0"),
        ("compare --only nothing", "nothing"),
    ],
)
def test_a_wrong_call_with_runs_ends_with_one_sentence(at_home, capsys, call, message):
    before = sorted(path.name for path in at_home.rglob("*"))
    assert main(call.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message.replace(".0, 1.", "[0, 1]") in printed.err.splitlines()[-1], printed.err
    assert "Traceback" not in printed.err
    assert sorted(path.name for path in at_home.rglob("*")) == before


@pytest.mark.slow
def test_the_demo_draws_digits_that_the_judge_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--json"]) == 0
    plain, guided = json.loads(capsys.readouterr().out)["rows"]
    assert plain["accuracy"] > 0.9 and plain["coverage"] > 0.6
    assert guided["accuracy"] > 0.97
    with Image.open(tmp_path / "runs/demo/digits.png") as strip:
        assert strip.height > 10 * 64
    with Image.open(tmp_path / "runs/demo/captions.png") as strip:
        assert strip.height > 3 * 64


def test_the_model_that_ships_draws_captions_in_colour(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", "noto red apple", "noto blue heart", "--guidance", "3"]) == 0
    assert "2 images are in samples.png" in capsys.readouterr().err
    model, generator = shipped_model(), torch.Generator().manual_seed(0)
    condition = model.encode(["noto red apple", "noto blue heart"])
    plan = SamplingPlan(guidance=Guidance(3.0))
    apple, heart = model.to_images(model.sample(condition, plan, generator))
    (red, _, blue), (heart_red, _, heart_blue) = apple.mean((1, 2)), heart.mean((1, 2))
    assert red > blue + 0.1 and heart_blue > heart_red + 0.1


def test_the_file_that_ships_is_small_and_says_how_it_was_trained():
    assert SHIPPED.stat().st_size < 10_000_000
    about, weights = read_weights(SHIPPED, "image-model")
    assert about["options"]["task"] == "emoji" and about["report"]["rows"]
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}

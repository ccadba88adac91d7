"""Images of users: folders, tables of captions, MNIST, CIFAR-10 and hub data sets."""

import gzip
import json
import struct

import pytest
import torch
from PIL import Image

from diffusion.data.captions import WordTokenizer
from diffusion.data.sources import hold_out, load_images
from gpt.errors import BadInput

RED, BLUE = (255, 0, 0), (0, 0, 255)


def save(path, colour=RED, size=(8, 8), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def every(split):
    """Captions with colours of the first pixel and labels, of both halves of a split."""
    return sorted(
        (part.captions[row], part.images[row, :, 0, 0].tolist(), part.label_names[part.labels[row]])
        for part in split
        for row in range(len(part))
    )


def test_classes_are_the_sub_folders(tmp_path):
    save(tmp_path / "blue_car" / "1.png", BLUE)
    save(tmp_path / "red-car" / "deep" / "2.JPG".lower(), RED)
    save(tmp_path / "red-car" / "1.png", RED)
    split = load_images(str(tmp_path), 4)
    assert split.train.label_names == ("blue_car", "red-car")
    found = every(split)
    assert [(caption, label) for caption, _, label in found] == [
        ("blue car", "blue_car"),
        ("red car", "red-car"),
        ("red car", "red-car"),
    ]
    assert found[0][1] == [-1, -1, 1]
    assert split.train.images.shape == (2, 3, 4, 4)
    assert len(split.held_out) == 1


def test_without_sub_folders_the_caption_is_the_file_name(tmp_path):
    save(tmp_path / "a red_apple-2.png", RED)
    save(tmp_path / "sky.webp", BLUE)
    assert [caption for caption, *_ in every(load_images(str(tmp_path), 4))] == [
        "a red apple 2",
        "sky",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", 'file,caption\n1.png,"a red, flat square"\nmore/2.png, sky \n'),
        ("metadata.jsonl", '{"file_name": "1.png", "text": "a red, flat square"}\n\n'
                           '{"file": "more/2.png", "caption": "sky"}\n'),
    ],
)  # fmt: skip
def test_a_table_gives_the_captions_and_other_files_are_ignored(tmp_path, name, text):
    save(tmp_path / "1.png", RED)
    save(tmp_path / "more" / "2.png", BLUE)
    save(tmp_path / "more" / "3.png", BLUE)
    (tmp_path / name).write_text(text)
    assert every(load_images(str(tmp_path), 4)) == [
        ("a red, flat square", [1, -1, -1], "image"),
        ("sky", [-1, -1, 1], "image"),
    ]


def test_images_are_cropped_at_the_centre_laid_on_white_and_made_grey(tmp_path):
    wide = Image.new("RGB", (30, 10), RED)
    wide.paste(BLUE, (10, 0, 20, 10))
    wide.save(tmp_path / "wide.png")
    save(tmp_path / "clear.png", (0, 0, 0, 0), mode="RGBA")
    colours = {caption: colour for caption, colour, _ in every(load_images(str(tmp_path), 10))}
    assert colours == {"wide": [-1, -1, 1], "clear": [1, 1, 1]}
    grey = load_images(str(tmp_path), 10, n_channels=1)
    assert grey.train.images.shape == (1, 1, 10, 10)


def test_unreadable_files_are_counted_and_named(tmp_path, capsys):
    for number in range(3):
        save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    half = (tmp_path / "0.png").read_bytes()[:50]
    (tmp_path / "half.png").write_bytes(half)
    split = load_images(str(tmp_path), 4)
    assert len(split.train) + len(split.held_out) == 3
    message = " ".join(capsys.readouterr().err.split())
    assert "2 of 5 images in" in message
    assert "broken.png (not an image), half.png (" in message


def test_a_tenth_is_held_out_the_same_every_time(tmp_path):
    for number in range(20):
        save(tmp_path / f"{number}.png")
    first, again = load_images(str(tmp_path), 4), load_images(str(tmp_path), 4)
    assert (len(first.train), len(first.held_out)) == (18, 2)
    assert first.held_out.captions == again.held_out.captions
    assert set(first.train.captions).isdisjoint(first.held_out.captions)


def write_idx(path, values, shape):
    data = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(values)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def mnist_folder(tmp_path):
    """Three images of 2 x 2 pixels for training (compressed), one for tests."""
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", [*range(8), 255, 0, 0, 0], (3, 2, 2))
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", [7, 0, 9], (3,))
    write_idx(tmp_path / "t10k-images.idx3-ubyte", [255] * 4, (1, 2, 2))
    write_idx(tmp_path / "t10k-labels.idx1-ubyte", [3], (1,))
    return tmp_path


def test_mnist_files_are_read_with_and_without_gz(mnist_folder):
    train, test = load_images(str(mnist_folder), 2, n_channels=1)
    assert train.captions == ["seven", "zero", "nine"]
    assert train.labels.tolist() == [7, 0, 9]
    expected = torch.arange(8.0).reshape(2, 1, 2, 2) / 127.5 - 1
    torch.testing.assert_close(train.images[:2], expected)
    assert train.images[2].flatten().tolist() == [1, -1, -1, -1]
    assert (test.captions, test.images.min()) == (["three"], 1)
    assert load_images(str(mnist_folder), 6).train.images.shape == (3, 3, 6, 6)


@pytest.fixture
def cifar_folder(tmp_path):
    """Two records per file: the first all red, the second with one bright pixel in green."""
    red = bytes([1, *[255] * 1024, *[0] * 2048])
    pixel = bytes([9, *[0] * 1024, 255, *[0] * 2047])
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        (tmp_path / f"{name}.bin").write_bytes(red + pixel)
    return tmp_path


def test_cifar_is_read_from_its_binary_version(cifar_folder):
    train, test = load_images(str(cifar_folder), 32)
    assert (len(train), len(test)) == (10, 2)
    assert test.captions == ["automobile", "truck"]
    assert (test.images[0, 0] == 1).all()
    assert (test.images[0, 1:] == -1).all()
    assert (test.images[1] == 1).nonzero().tolist() == [[1, 0, 0]]
    assert load_images(str(cifar_folder), 16, 1).train.images.shape == (10, 1, 16, 16)


def test_a_hub_data_set_is_streamed_and_damaged_rows_are_named(tmp_path, monkeypatch, capsys):
    datasets = pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    save(tmp_path / "red.png", RED)
    good = (tmp_path / "red.png").read_bytes()
    table = datasets.Dataset.from_dict(
        {
            "image": [{"bytes": each, "path": None} for each in (good, b"broken", good)],
            "text": ["first", "second", " third "],
        },
        features=datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")}),
    )
    asked = []

    def load(*arguments, **options):
        asked.append((*arguments, options["split"], options["streaming"]))
        return table.to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert every(load_images("hub:owner/name:small", 4)) == [
        ("first", [1, -1, -1], "image"),
        ("third", [1, -1, -1], "image"),
    ]
    assert asked == [("owner/name", "small", "train", True)]
    assert "1 of 3 images in data set 'owner/name' cannot" in capsys.readouterr().err
    table = table.rename_column("text", "words")
    with pytest.raises(BadInput, match="row 1 .* needs an image .* its columns are image, words"):
        load_images("hub:owner/name", 4)


def test_without_a_network_the_message_names_the_hub_and_the_way_out():
    pytest.importorskip("datasets", reason="baselines: needs the extra hub")
    with pytest.raises(BadInput, match="'owner/no-such-name' cannot be reached .*HF_HUB_OFFLINE"):
        load_images("hub:owner/no-such-name", 4)


def test_without_the_extra_the_message_names_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(BadInput, match=r"need the extra hub; .*packages/diffusion\[hub\]"):
        load_images("hub:owner/name", 4)


def csv_of(text):
    def write(folder):
        save(folder / "1.png")
        (folder / "captions.csv").write_text(text)

    return write


def jsonl_of(*rows):
    def write(folder):
        save(folder / "1.png")
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / "metadata.jsonl").write_text("\n".join(lines))

    return write


def both_tables(folder):
    csv_of("file,caption\n1.png,a\n")(folder)
    jsonl_of({"file": "1.png", "caption": "a"})(folder)


def some_in_sub_folders(folder):
    save(folder / "1.png")
    save(folder / "cat" / "2.png")


def only_broken(folder):
    (folder / "broken.png").write_bytes(b"x")


def pickled_cifar(folder):
    (folder / "data_batch_1").write_bytes(b"\x80\x02")


def short_cifar(folder):
    (folder / "data_batch_1.bin").write_bytes(bytes(3000))


def short_mnist(folder):
    write_idx(folder / "train-images-idx3-ubyte", [0] * 5, (3, 2, 2))


def mnist_without_labels(folder):
    write_idx(folder / "train-images-idx3-ubyte", [0] * 12, (3, 2, 2))


def mnist_with_few_labels(folder):
    mnist_without_labels(folder)
    write_idx(folder / "train-labels-idx1-ubyte", [0] * 2, (2,))


def mnist_with_false_gzip(folder):
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")


def mnist_of_floats(folder):
    (folder / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 13, 3]) + bytes(20))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda folder: None, "there are no images in .*; files must end in .png"),
        (lambda folder: save(folder / "1.png"), "has only 1 image; at least 2 are needed"),
        (only_broken, r"none of 1 images in .* can be read: broken.png \(not an image\)"),
        (some_in_sub_folders, "outside of them, such as '1.png'; move all into sub-folders"),
        (both_tables, "has both captions.csv and metadata.jsonl; keep one"),
        (csv_of(""), "has no rows"),
        (csv_of("file,caption,size\n1.png,a,3\n"), "line 2 .*: unknown columns size; a table has"),
        (csv_of("file,caption\n1.png,a,b\n"), r"line 2 .*: unknown columns \(no name\)"),
        (csv_of("file,caption\n1.png,\n"), "line 2 .*: a row needs a file and a caption"),
        (csv_of("caption\nred\n"), "line 2 .*: a row needs a file and a caption"),
        (csv_of("file,caption\ngone.png,a\n"), "line 2 .*: there is no file '.*gone.png'"),
        (csv_of("file,caption\n../1.png,a\n"), "'../1.png' is outside the folder of the table"),
        (jsonl_of("{"), "line 1 of .* is not JSON"),
        (jsonl_of({"file": "1.png", "caption": "a"}, [1]), "line 2 of .* is not a JSON object"),
        (jsonl_of('{"file": "1.png", "file": "2.png"}'), "the key 'file' occurs twice"),
        (jsonl_of({"file": "1.png", "caption": 3}), "line 1 .*: a row needs a file and a caption"),
        (pickled_cifar, "binary version .* never from the pickle version"),
        (short_cifar, "is not a file of CIFAR-10: its 3000 bytes are not records"),
        (short_mnist, "announces 3 x 2 x 2 bytes, but has 5"),
        (mnist_without_labels, "no file train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz"),
        (mnist_with_few_labels, "3 images and 2 labels in .* do not fit together"),
        (mnist_with_false_gzip, "is not a gzip file"),
        (mnist_of_floats, "not an IDX file of bytes with 3 axes; it begins with '00000d03'"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, write, message):
    write(tmp_path)
    with pytest.raises(BadInput, match=message) as error:
        load_images(str(tmp_path), 4)
    assert "\n" not in str(error.value)


def test_a_source_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file.zip").write_bytes(b"")
    with pytest.raises(BadInput, match="there is no folder 'gone' .* write hub:OWNER/NAME"):
        load_images("gone", 4)
    with pytest.raises(BadInput, match="file.zip' is a file; give the folder"):
        load_images(str(tmp_path / "file.zip"), 4)
    with pytest.raises(
        BadInput,
        match="'hub:' names no data set; write hub:OWNER/NAME|of the hub need the extra hub",
    ):
        load_images("hub:", 4)


def test_impossible_sizes_and_channels_are_refused(tmp_path):
    save(tmp_path / "1.png")
    with pytest.raises(BadInput, match="size must be at least 1 pixel, got 0"):
        load_images(str(tmp_path), 0)
    with pytest.raises(BadInput, match=r"n_channels must be 3 \(colour\) or 1 \(grey\), got 4"):
        load_images(str(tmp_path), 4, n_channels=4)


def test_hold_out_keeps_the_order_of_the_training_images(tmp_path):
    for number in range(12):
        save(tmp_path / f"{number:02}.png")
    train = load_images(str(tmp_path), 4).train
    assert train.captions == sorted(train.captions)
    assert len(hold_out(train, "again", seed=1).train) == 10


def test_images_are_held_out_whose_words_training_has(tmp_path):
    captions = [f"a {colour} {thing}" for colour in ("red", "blue") for thing in ("owl", "cat")]
    rare = ["the only zebra here", "one"]
    table = ["file,caption"]
    for number, caption in enumerate([*captions * 8, *rare]):
        save(tmp_path / f"{number}.png")
        table.append(f"{number}.png,{caption}")
    (tmp_path / "captions.csv").write_text("\n".join(table))
    for seed in range(20):
        images = load_images(str(tmp_path), 4)
        train, held_out = hold_out(images.train, "again", seed)
        tokenizer = WordTokenizer.from_captions(train.captions)
        assert len(tokenizer.encode(held_out.captions)) == 3
    assert set(rare) <= set(images.train.captions)


def test_if_no_caption_can_be_spared_a_tenth_is_held_out_all_the_same(tmp_path):
    for name in ("owl", "cat", "dog"):
        save(tmp_path / f"{name}.png")
    assert len(load_images(str(tmp_path), 4).held_out) == 1

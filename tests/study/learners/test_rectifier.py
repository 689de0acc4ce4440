"""The network without spikes: its architecture, its images, its file, its operations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Images
from study.data.task import Classes
from study.learners import rectifier
from study.learners.rectifier import RectifierLearner
from study.learners.rectifier_config import RectifierConfig, preset
from study.trials.trial import no_progress

SMALL = dataclasses.replace(preset("quick", "digits"), architecture="20", epochs=6)
TASK = Classes(10)
SHAPE = (8, 8)


@pytest.fixture(scope="module")
def digits() -> tuple[Images, Images]:
    whole = data.load(DatasetRef("digits"), DataAccess())
    parts = whole.train.take(np.arange(400)), whole.validation.take(np.arange(150))
    assert all(isinstance(part, Images) for part in parts)
    return parts


def fitted(config: RectifierConfig, digits: tuple[Images, Images], seed: int = 0):
    learner = RectifierLearner(config, TASK)
    learner.fit(*digits, np.random.default_rng(seed), no_progress)
    return learner


def built(config: RectifierConfig, shape: tuple[int, int] = SHAPE) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        return rectifier.network(config, shape, 10)


def answers(learner: RectifierLearner, samples: Images) -> np.ndarray:
    return learner.evaluate(samples, np.random.default_rng(0)).answers


@pytest.mark.parametrize(
    "text", ["", "0", "a", "12c", "2s-10", "10-", "100-12c5", "10-2s", "12c0", "12s5"]
)
def test_architectures_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="architecture must be hidden layers"):
        RectifierConfig(text)


@pytest.mark.parametrize(
    "wrong",
    [{"levels": 0}, {"learning_rate": 0.0}, {"dropout": 1.0}, {"shift_pixels": -1.0}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RectifierConfig(**wrong)


def test_the_network_of_maps_is_that_of_the_paper() -> None:
    config = RectifierConfig("12c5-2s-64c5-2s", bias=True)
    layers = built(config, (28, 28))
    told = [tuple(layer.weight.shape) for layer in layers if hasattr(layer, "weight")]
    assert told == [(12, 1, 5, 5), (64, 12, 5, 5), (10, 64 * 4 * 4)]
    assert [type(layer) for layer in layers] == [
        nn.Conv2d, nn.ReLU, nn.AvgPool2d, nn.Conv2d, nn.ReLU, nn.AvgPool2d,
        nn.Flatten, nn.Dropout, nn.Linear,
    ]  # fmt: skip


def test_dropout_stands_before_every_dense_layer_and_the_input_has_its_own() -> None:
    config = RectifierConfig("5-4", dropout=0.25, input_dropout=0.5)
    found = [layer.p for layer in built(config) if isinstance(layer, nn.Dropout)]
    assert found == [0.5, 0.25, 0.25]


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="larger than 8 x 8 pixels"):
        built(RectifierConfig("12c5-2s-64c5-2s"))


def centre(images: torch.Tensor) -> torch.Tensor:
    """Return the centre of mass ``[B, 2]``, across and down, from the middle of the image."""
    mass = images[:, 0]
    place = torch.arange(mass.shape[-1]) - (mass.shape[-1] - 1) / 2
    total = mass.sum((1, 2))
    return (
        torch.stack([(mass.sum(1) * place).sum(1), (mass.sum(2) * place).sum(1)], 1)
        / (total[:, None])
    )


def test_images_move_evenly_up_to_the_limit_and_no_further() -> None:
    images = torch.zeros(2000, 1, 16, 16)
    images[:, 0, 6:10, 6:10] = 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        offsets = centre(rectifier.moved(images, 2.0, 0.0))
    assert offsets.abs().max() < 2.01
    assert offsets.std(0).numpy() == pytest.approx([2 / 3**0.5] * 2, rel=0.05)


def test_images_turn_about_their_middle_up_to_the_limit() -> None:
    images = torch.zeros(2000, 1, 17, 17)
    images[:, 0, 7:10, 13:16] = 1  # to the right of the middle, 6 pixels away
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        across, down = centre(rectifier.moved(images, 0.0, 30.0)).T
    assert torch.hypot(across, down).numpy() == pytest.approx(6, abs=0.2)
    angle = torch.rad2deg(torch.atan2(down, across))
    assert 28 < angle.max() < 31
    assert -31 < angle.min() < -28


def test_the_best_epoch_is_kept(digits) -> None:
    learner = fitted(SMALL, digits)
    kept = learner.keep()
    (curve,) = kept.named
    best = kept.metrics["best_epoch"]
    assert best == max(np.flatnonzero(curve.validation == curve.validation.max())) + 1
    share = float(np.mean(answers(learner, digits[1]) == digits[1].labels))
    assert share == curve.validation[best - 1]


def test_the_file_holds_the_whole_network(digits) -> None:
    config = dataclasses.replace(SMALL, activation="qcfs", bias=True)
    learner = fitted(config, digits)
    content = learner.keep().files[rectifier.FILE]
    again = rectifier.from_bytes(content, config, SHAPE, 10)
    with torch.no_grad():
        found = again(rectifier.pixels(digits[1])).argmax(1).numpy()
    np.testing.assert_array_equal(found, answers(learner, digits[1]))
    learned = [layer.threshold.item() for layer in again if hasattr(layer, "threshold")]
    assert learned != [config.threshold]


def test_a_seed_repeats_and_leaves_the_generator_of_torch_alone(digits) -> None:
    before = torch.get_rng_state()
    config = dataclasses.replace(SMALL, shift_pixels=1.0, rotation_deg=5.0, epochs=2)
    first, again, other = (fitted(config, digits, seed).keep().files for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert first == again
    assert first != other


def test_operations_are_weights_where_they_are_met(digits) -> None:
    config = dataclasses.replace(SMALL, architecture="4c3-2s-7", epochs=1)
    learner = fitted(config, digits)
    layers = learner.evaluate(digits[1], np.random.default_rng(0)).cost.layers
    # 6 x 6 places of a kernel; pools leave 3 x 3 of 4 maps.
    assert [layer.macs for layer in layers] == [4 * 9 * 36, 4 * 9 * 7, 7 * 10]
    assert [layer.name for layer in layers] == ["input", "hidden 1", "hidden 2"]
    halved = {
        name: np.where(np.arange(w.size).reshape(w.shape) % 2, w, 0)
        for name, w in learner.weights().items()
    }
    lesioned = learner.with_weights(halved).evaluate(digits[1], np.random.default_rng(0))
    assert [layer.macs for layer in lesioned.cost.layers] == [layer.macs / 2 for layer in layers]

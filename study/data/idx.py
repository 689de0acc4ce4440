"""MNIST and Fashion-MNIST: idx files, official order and split, validation out of training."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from study.data.fetch import Content, Mirror, RemoteFile, contents
from study.data.reference import DataAccess
from study.data.samples import Dataset, Images
from study.data.splits import stratified_split
from study.data.task import Classes

SIDE = 28
N_CLASSES = 10


@dataclass(frozen=True)
class IdxSource:
    """Where one data set comes from; ``files`` are images and labels of training, then of test."""

    name: str
    citation: str
    files: dict[str, RemoteFile]


def _source(
    name: str, citation: str, mirrors: tuple[str, ...], sums: dict[str, tuple[str, str]]
) -> IdxSource:
    files = {
        stem: RemoteFile(
            folder=name,
            name=stem,
            mirrors=tuple(Mirror(f"{mirror}{stem}.gz", f"md5:{md5}") for mirror in mirrors),
            checksum=f"sha256:{sha256}",
        )
        for stem, (md5, sha256) in sums.items()
    }
    return IdxSource(name, citation, files)


MNIST = _source(
    "mnist",
    "LeCun, Bottou, Bengio & Haffner 1998",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    {
        "train-images-idx3-ubyte": (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "train-labels-idx1-ubyte": (
            "d53e105ee54ea40749a09fcbcd1e9432",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "t10k-images-idx3-ubyte": (
            "9fb629c4189551a2d022fa330f9573f3",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "t10k-labels-idx1-ubyte": (
            "ec29112dd5afa0611ce80d1b7f02629c",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
)

FASHION_MNIST = _source(
    "fashion-mnist",
    "Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747",
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    {
        "train-images-idx3-ubyte": (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        "train-labels-idx1-ubyte": (
            "25c81989df183df01b3e8a0aad5dffbe",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        "t10k-images-idx3-ubyte": (
            "bef4ecab320f06d8554ea6380940ec79",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        "t10k-labels-idx1-ubyte": (
            "bb300cfdad3c16e7a12a480ee83cd310",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
)

SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST)}


def load(source: IdxSource, access: DataAccess) -> Dataset:
    """Return the official split; a stratified tenth of the training images is validation.

    Raises
    ------
    UserError
        If a file is missing and may not be downloaded, or is damaged.
    """
    with contents(list(source.files.values()), access) as (files, checksum):
        pixels, labels = _read(*files[:2])
        test_pixels, test_labels = _read(*files[2:])
    train, validation = stratified_split(labels, (0.9, 0.1))
    return Dataset(
        name=source.name,
        train=_images(pixels[train], labels[train]),
        validation=_images(pixels[validation], labels[validation]),
        test=_images(test_pixels, test_labels),
        task=Classes(N_CLASSES),
        source=f"{source.citation}; official split, validation = a stratified tenth of training",
        checksum=checksum,
    )


def _images(pixels: np.ndarray, labels: np.ndarray) -> Images:
    return Images(np.divide(pixels, np.float32(255), dtype=np.float32), labels.astype(np.int64))


def _read(images: Content, labels: Content) -> tuple[np.ndarray, np.ndarray]:
    pixels, classes = _array(images), _array(labels)
    if pixels.ndim != 3 or pixels.shape[1:] != (SIDE, SIDE):
        raise images.refuse(f"holds {list(pixels.shape)} in place of images [N, {SIDE}, {SIDE}]")
    if classes.shape != pixels.shape[:1]:
        raise labels.refuse(f"holds {list(classes.shape)} for {len(pixels)} labels")
    if classes.max(initial=0) >= N_CLASSES:
        raise labels.refuse(f"holds label {classes.max()}; allowed are 0..{N_CLASSES - 1}")
    return pixels, classes


def _array(content: Content) -> np.ndarray:
    try:
        return parse_idx(content.stream.read())
    except ValueError as error:
        raise content.refuse(f"does not hold what its name says ({error})") from None


def parse_idx(content: bytes) -> np.ndarray:
    """Return the uint8 array of an idx file (big-endian header: magic, then sizes).

    Raises
    ------
    ValueError
        If the header does not describe the content.
    """
    if len(content) < 4 or len(content) < 4 + 4 * content[3]:
        raise ValueError("no idx header")
    zeros, kind, n_dims = struct.unpack_from(">HBB", content)
    if zeros != 0 or kind != 8:
        raise ValueError("not an idx file of unsigned bytes")
    shape = struct.unpack_from(f">{n_dims}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_dims).reshape(shape)

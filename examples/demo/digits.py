"""The pictures that the demo's models read: 8 x 8 scans of handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Pictures = NDArray[np.float32]
Labels = NDArray[np.int64]

MODEL = "digits"
"""What the model is called in the registry."""


@dataclass(frozen=True)
class Digits:
    """Pictures as rows of 64 pixels from 0 (paper) to 1 (ink), and the digit that each shows."""

    pictures: Pictures
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def accuracy(self, answers: Labels) -> float:
        """Answer the share of `answers` that are right."""
        return float(np.mean(answers == self.labels))

    def save(self, path: Path) -> Path:
        """Write the pictures and labels as CSV, so that their digest can be recorded."""
        table = np.column_stack([self.labels, self.pictures])
        np.savetxt(path, table, fmt=["%d", *["%.4f"] * 64], delimiter=",")
        return path


def load() -> tuple[Digits, Digits]:
    """Answer the digits to learn from and the digits to test with, the same at every run."""
    pictures, labels = load_digits(return_X_y=True)
    pictures = (pictures / 16).astype(np.float32)
    learn, test, learn_labels, test_labels = train_test_split(
        pictures, labels, test_size=0.3, random_state=0, stratify=labels
    )
    return Digits(learn, learn_labels), Digits(test, test_labels)


def faint(pictures: Pictures, ink: float) -> Pictures:
    """Answer the pictures as a pen with only the share `ink` of its ink would write them."""
    return pictures * np.float32(ink)

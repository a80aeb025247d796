"""The explanation of one code."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """An example that leads to a code, and the remedy."""

    remedy: str
    """The steps to take, in one or two sentences."""
    example: str
    """The content of a manifest; without ``file``, a sentence."""
    file: str = "example.yaml"
    """The name of the manifest; empty if no single manifest leads to the code."""
    envoy: bool = False
    """Whether only ``validate --envoy`` reports it."""

    @property
    def text(self) -> str:
        """The example without empty lines around it."""
        return self.example.strip("\n")


def without_manifest(remedy: str, example: str) -> Explanation:
    """Return the explanation of a code to which no single manifest leads."""
    return Explanation(remedy, example, file="")

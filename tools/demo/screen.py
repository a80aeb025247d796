"""The output of the demo: lines, and on a terminal color and a bar that moves."""

import sys

from rich.console import Console
from rich.text import Text

WIDTH = 88
BAR = 40
COLORS = {"v1": "cyan", "v2": "magenta"}
# The fonts of rich are on another server, which pages of a forge do not load.
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>Output of make demo</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px Menlo, Consolas, monospace; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


class Screen:
    """Standard output, recorded to draw a picture."""

    def __init__(self) -> None:
        self.console = Console(width=WIDTH, highlight=False, record=True, soft_wrap=True)
        self._is_moving = False

    def title(self) -> None:
        """Print the command."""
        self.print(Text.assemble(("$ ", "green"), ("make demo", "bold")))

    def row(self, name: str, text: str) -> None:
        """Print a name and a text."""
        self.print(Text.assemble((f"  {name:<10}", "bold"), text))

    def print(self, text: Text | str = "") -> None:
        """Print a line in place of one that moves."""
        self._clear()
        self.console.print(text)

    def moving(self, text: Text | str) -> None:
        """Show a line until the next one is shown or printed; nothing if this is no terminal."""
        if self.console.is_terminal:
            self._clear()
            with self.console.capture() as captured:
                self.console.print(text, end="")
            self.console.file.write(captured.get())
            self.console.file.flush()
            self._is_moving = True

    def error(self, text: str) -> None:
        """Print a message on stderr."""
        self._clear()
        sys.stderr.write(f"demo: {text}\n")

    def save(self, path: str) -> None:
        """Write the printed lines as SVG."""
        self.console.save_svg(path, title="make demo", code_format=_SVG, unique_id="demo")

    def _clear(self) -> None:
        if self._is_moving:
            self.console.file.write("\r\x1b[2K")
            self.console.file.flush()
            self._is_moving = False


def bar(shares: dict[str, float]) -> Text:
    """Return a bar with the share of each version, and the figures."""
    first = round(shares["v1"] * BAR)
    text = Text("  ")
    for name, cells in (("v1", first), ("v2", BAR - first)):
        text.append(("█" if name == "v1" else "▒") * cells, COLORS[name])
    for name, share in shares.items():
        text.append(f"  {name} {share:4.0%}", COLORS[name])
    return text

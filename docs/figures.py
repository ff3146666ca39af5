"""Draw the figures of the pages anew, from committed scenarios, by the commands that the pages name."""

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLAN = ROOT / "docs" / "tutorial" / "capacity-plan.md"
DRAW = ROOT / "docs" / "how-to" / "draw-a-figure.md"


def main() -> int:
    """Run the commands; the figures are copied beside the pages."""
    size = next(line for line in PLAN.read_text().splitlines() if line.startswith("$ shardsim size "))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenarios").symlink_to(ROOT / "scenarios")
        for line in (
            "sensitivity scenarios/recommendation.yaml -o sensitivity.png",
            size.removeprefix("$ shardsim "),
            "sweep order/01_recommendation.yaml --param load.rate=auto -o order/load",
        ):
            subprocess.run([sys.executable, "-m", "simulator", *line.split()], cwd=folder, check=True)
        for line in DRAW.read_text().splitlines():  # as the page says
            if line.startswith("$ shardsim plot ") and line.endswith(".png"):
                args = shlex.split(line.removeprefix("$ shardsim "))
                subprocess.run([sys.executable, "-m", "simulator", *args], cwd=folder, check=True)
                shutil.copy(folder / args[-1], ROOT / "docs" / args[-1])
        shutil.copy(folder / "sensitivity.png", ROOT / "docs" / "sensitivity.png")
        [drawn] = sorted((folder / "order" / "load").glob("*.png"))[:1]
        shutil.copy(drawn, ROOT / "docs" / "hockey_stick.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())

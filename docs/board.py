"""The picture of the board: a small study in Chromium.

    python docs/board.py

Needs the extras ``board`` and ``study`` and Debian's chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).parent / "board.png"

PLAN = """\
presets: [bpo, ddpg_her]
tasks: [goal_reacher]
seeds: 3
overrides: {total_steps: 10000, eval_interval: 1000, eval_episodes: 50, video: "off"}
"""

VIEW = "pool=true"


def main() -> int:
    """Run the study, open the board on it and take the picture."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise SystemExit("needs Chromium (Debian: chromium)")
    bnpo = [sys.executable, "-P", "-m", "bnpo"]
    with tempfile.TemporaryDirectory(prefix="bnpo-board-") as place:
        plan = Path(place) / "study.yaml"
        plan.write_text(PLAN)
        subprocess.run([*bnpo, "study", str(plan), "with", "workers=1"], cwd=place, check=True)
        words = [*bnpo, "board", "studies", "--port", "0"]
        with subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            address = server.stdout.readline().split(" is shown at ")[1].split(";")[0]
            try:
                photograph(browser, f"{address}/#{VIEW}", Path(place) / "profile")
            finally:
                server.terminate()
    print(PICTURE)
    return 0


def photograph(browser: str, address: str, profile: Path) -> None:
    """Write the picture of a page."""
    options = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--window-size=1500,860", "--timeout=8000", f"--user-data-dir={profile}"),
    ]
    subprocess.run(
        [browser, *options, f"--screenshot={PICTURE}", address],
        check=True,
        capture_output=True,
        timeout=120,
    )


if __name__ == "__main__":
    sys.exit(main())

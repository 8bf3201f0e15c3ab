"""The picture of the board: a small study in Chromium.

    python docs/board.py

Needs the extras ``board`` and ``study``, selenium, and Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

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
        raise SystemExit("needs Chromium (Debian: chromium, chromium-driver)")
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
    """Write the picture of a board whose curves are drawn."""
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"),
        *("--window-size=1500,1000", f"--user-data-dir={profile}"),
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.get(address)
        drawn = "return document.querySelectorAll('[data-scalar] path.band').length"
        WebDriverWait(driver, 60).until(lambda _: driver.execute_script(drawn) >= 2)
        driver.save_screenshot(str(PICTURE))
    finally:
        driver.quit()


if __name__ == "__main__":
    sys.exit(main())

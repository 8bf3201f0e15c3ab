"""``bnpo check`` shows its table, and fails in one line where there are faults."""

from tests.envs.points import registered
from tests.envs.test_hindsight_info import Text
from tests.experiment.conftest import Command
from tests.experiment.test_bad_input import assert_one_line


def test_the_command_shows_the_table_and_fails_on_faults(command: Command) -> None:
    status, output, _ = command("check env=Pendulum-v1 steps=50")
    assert status == 0
    assert "runs are resumed exactly" in output
    with registered(Text, 10) as env_id:
        status, output, errors = command(f"check {env_id} steps=50")
    assert "needs info['label']" in output
    assert (status, errors.count("\n")) == (2, 1)
    assert "Own-v0 has 1 fault: hindsight" in errors
    assert_one_line(command("check env=Pendulum-v9"), "unknown environment env_id='Pendulum-v9'")

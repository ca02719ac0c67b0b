from pathlib import Path

from tests.real import p11_kit, softhsm


def test_a_token_that_lost_its_file_in_a_kill_is_there_again(tmp_path: Path) -> None:
    hsm = softhsm.make(tmp_path)
    with p11_kit.running(hsm, tmp_path) as remote:
        remote.kill()
        for path in hsm.token_files():
            path.write_bytes(b"")
        assert hsm.token not in hsm.tool("--show-slots")
        remote.start()
        assert hsm.token in hsm.tool("--show-slots")

"""Spark as a guest: quiet, private, stoppable, gone afterwards; and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import labkit
from labkit.engine import EngineError, choice, spark_needs, spark_process
from labkit.lab import Lab


def run(code: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, check=False, timeout=300, cwd=cwd)


def test_started_by_us_it_is_quiet_private_and_gone_afterwards(spark_there: None, store: Path, tmp_path: Path) -> None:
    code = """
        import glob, os, signal, sys, tempfile
        import labkit
        from labkit.engine import spark_session
        handler, path = signal.getsignal(signal.SIGINT), list(sys.path)
        one = labkit.open(sys.argv[1], engine="local[1]", memory_limit_mb=800,
                          config={"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"})
        started = spark_session._STARTED["spark"]
        java = started.gateway.proc
        if sys.platform == "linux":
            sockets = {os.readlink(fd) for fd in glob.glob(f"/proc/{java.pid}/fd/*") if os.path.exists(fd) or os.path.islink(fd)}
            rows = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/{java.pid}/net/{name}").readlines()[1:]]
            open_at = {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}
            assert open_at and all(address.endswith("0100007F") for address in open_at), open_at
        assert started.folder.stat().st_mode & 0o077 == 0
        assert signal.getsignal(signal.SIGINT) is handler
        two = labkit.open(sys.argv[1], engine="local[1]")
        one.run(one.days())
        one.close()
        one.close()
        assert len(two.run(two.customers)) == 60, "another lab still uses it"
        two.close()
        assert java.poll() is not None and not started.folder.exists() and sys.path == path
        print("done")
    """
    done = run(code, store, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("done\n", ""), done.stderr
    assert not list(tmp_path.iterdir()), "something was left in the folder it was started from"


def test_a_java_that_was_killed_is_named_and_the_lab_opens_anew(spark_there: None, store: Path, tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        import labkit
        from labkit.engine import EngineError, spark_session
        config = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"}
        how = dict(engine="local[1]", memory_limit_mb=800, config=config)
        left, closed = (labkit.open(sys.argv[1], **how) for _ in range(2))
        first = spark_session._STARTED["spark"]
        first.gateway.proc.send_signal(signal.SIGKILL)
        for lab in (left, closed):
            try:
                lab.run(lab.customers)
            except EngineError as error:
                print(error)
        closed.close()
        with labkit.open(sys.argv[1], **how) as anew:
            print(len(anew.run(anew.customers)))
            left.close()
            print(len(anew.run(anew.customers)))
        print(first.folder.exists(), spark_session._STARTED)
    """
    done = run(code, store, cwd=tmp_path)
    told = (
        "Spark no longer answers: its Java was killed, most often because the machine had no memory left; "
        "close what else needs memory, and open the lab anew\n"
    )
    assert (done.stdout, done.stderr) == (2 * told + "60\n60\nFalse {}\n", "")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ("exit 52", "its Java ran out of memory; open the lab anew with a larger memory_limit_mb"),
        ("exit 50", "its Java ended (exit code 50, VirtualMachineError); open the lab anew"),
        ("kill -TERM $$", "its Java ended (signal 15); open the lab anew"),
        ("sleep 60", "it was stopped, or ran out of memory; open the lab anew (memory_limit_mb gives it more)"),
    ],
)
def test_how_java_ended_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: str, told: str) -> None:
    monkeypatch.setattr(spark_process, "_ENDING_S", 1.0 if ended.startswith("sleep") else 30.0)
    if ended == "exit 50":
        said = "ERROR Executor: task\njava.lang.VirtualMachineError: Out of space, customer Zhang\n\tat java.lang.Thread.run\n"
        (tmp_path / "spark.log").write_text(said, encoding="utf-8")
    with subprocess.Popen(["sh", "-c", ended]) as java:
        ours = spark_process.Started("local[1]", None, SimpleNamespace(proc=java), tmp_path)
        assert spark_process.tell_end(ours) == told
        java.kill()


def test_what_is_asked_for_comes_after_what_we_set(tmp_path: Path) -> None:
    options = "spark.driver.extraJavaOptions"
    plain = spark_process._settings("local[1]", tmp_path, 500, {})
    own = {"spark.buffer.pageSize": "64m", options: "-XX:ReservedCodeCacheSize=1g"}
    asked = spark_process._settings("local[1]", tmp_path, 500, own)
    assert (plain["spark.buffer.pageSize"], asked["spark.buffer.pageSize"]) == ("8m", "64m")
    assert plain[options].split()[-1] == "-XX:ReservedCodeCacheSize=512m"
    assert asked[options].split()[-2:] == ["-XX:ReservedCodeCacheSize=512m", "-XX:ReservedCodeCacheSize=1g"]


def test_a_session_that_was_given_goes_on(spark: Lab, store: Path) -> None:
    session = spark.backend._session  # type: ignore[attr-defined]
    session.conf.set("spark.sql.session.timeZone", "UTC")
    with labkit.open(store, engine=session) as lab:
        own = lab.backend._session  # type: ignore[attr-defined]
        assert own is not session and len(lab.run(lab.customers)) == 60
        own.sql("SELECT 1 AS one").createOrReplaceTempView("mine")
    assert not session.catalog.tableExists("mine"), "a lab's tables stand among those of the session"
    assert session.sql("SELECT 42 AS a").toArrow()["a"].to_pylist() == [42]


def test_a_spark_connect_address(spark: Lab, duck: Lab, store: Path, connect_port: int) -> None:
    from labkit import profiles

    with labkit.open(store, engine=f"sc://127.0.0.1:{connect_port}") as lab:
        made = [one.run(profiles.daily_energy(one).inner_join(one.days(), "day")) for one in (duck, lab)]
        tables = [frame.sort_values(["customer_id", "day"], ignore_index=True) for frame in made]
        assert tables[0].equals(tables[1]) and len(tables[0])
        with labkit.open(store, engine=lab.backend._session) as other:  # type: ignore[attr-defined]
            assert len(other.run(other.customers)) == 60
        assert len(lab.run(lab.customers)) == 60
    assert len(spark.run(spark.customers)) == 60


def test_a_second_master_in_one_process_is_refused(spark: Lab, store: Path) -> None:
    with pytest.raises(EngineError, match=r"a Spark on local\[2\] runs in this process already, .* give its session"):
        labkit.open(store, engine="local[1]")


def test_ctrl_c_stops_a_query_and_the_session_goes_on(spark: Lab) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    forever = spark.backend._session.range(10**13).selectExpr("sum(id % 7) AS s")  # type: ignore[attr-defined]
    forever.createOrReplaceTempView("forever")
    query, sent = spark.backend.table("forever"), [0.0]

    def interrupt() -> None:
        sent[0] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(2.0, interrupt)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            spark.run(query)
        assert time.monotonic() - sent[0] < 15, "far beyond the second or so that it takes"
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert len(spark.run(spark.customers)) == 60


def test_an_error_is_a_sentence_without_values(spark: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    customers = spark.customers
    with pytest.raises(EngineError) as caught:
        spark.run(customers.select(n=customers.customer_id.cast("int64")))
    assert str(caught.value) == "Spark could not work this out: CAST_INVALID_INPUT"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    out, err = capfd.readouterr()
    assert out == err == ""


def test_results_come_piece_by_piece(spark: Lab) -> None:
    pieces = list(spark.backend.batches(spark.weather, 1000))
    assert len(pieces) > 1 and sum(len(piece) for piece in pieces) == len(spark.run(spark.weather))


def test_labkit_needs_no_pyspark(store: Path) -> None:
    code = """
        import sys
        for name in ("pyspark", "py4j"):
            sys.modules[name] = None
        import labkit
        from labkit.engine import EngineError
        with labkit.open(sys.argv[1]) as lab:
            print(len(lab.run(lab.customers)))
    """
    done = run(code, store)
    assert (done.stdout, done.stderr) == ("60\n", "")


def test_what_is_missing_is_named(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(spark_needs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r'pip install "labkit\[spark\]" \(and Java 17\)'):
        labkit.open(store, engine="spark")


def test_java_that_is_missing_or_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match=r"Java 17 or newer, and there is no `java`: install it .* JAVA_HOME"):
        spark_needs.require_pyspark()
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    for line, version in (('openjdk version "11.0.2" 2019-01-15', 11), ('java version "1.8.0_202"', 8)):
        program.write_text(f"#!/bin/sh\necho '{line}' >&2\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        with pytest.raises(EngineError, match=f"`java` is version {version}"):
            spark_needs.require_pyspark()


def test_an_engine_that_is_not_known_or_not_there() -> None:
    for engine, told in (("oracle", "'oracle'"), (42, "'int'"), ("sparky", "'sparky'")):
        with pytest.raises(ValueError, match=f"engine is {told}, expected None or 'duckdb', 'spark'"):
            choice.open_engine(engine)


@pytest.mark.parametrize("scheme", ["sc", "spark"])
def test_an_address_where_nobody_answers(spark_there: None, scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(EngineError, match=rf"nobody answers at 127.0.0.1:{port}"):
        choice.open_engine(f"{scheme}://127.0.0.1:{port}")
    assert time.monotonic() - started < 15


@pytest.mark.skipif(not os.environ.get("LABKIT_TEST_CLUSTER"), reason="opt-in: LABKIT_TEST_CLUSTER=1")
def test_a_cluster_of_two_workers_gives_the_same(spark_there: None, store: Path, tmp_path: Path) -> None:
    code = """
        import sys
        import labkit
        from labkit import profiles
        config = {"spark.sql.shuffle.partitions": "4"}
        with labkit.open(sys.argv[1]) as duck, labkit.open(sys.argv[1], engine="local-cluster[2,1,1024]", config=config) as spark:
            assert profiles.load_features(spark).equals(profiles.load_features(duck))
        print("equal")
    """
    # Workers of pip's PySpark sometimes do not come up on a busy machine: one more try.
    done = [run(code, store, cwd=tmp_path)]
    if done[0].returncode:
        done.append(run(code, store, cwd=tmp_path))
    assert done[-1].stdout == "equal\n", done[-1].stderr

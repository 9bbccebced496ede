"""Reports of jobs: complete, repeated, late, reordered, with parts missing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from glue.core.events import JobReport, Scan
from glue.core.jobs import SUPERSEDED, Job, asked
from glue.events.fold import jobs_after

T0 = datetime(2026, 5, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def said(word: str, seconds: float, start: float | None = None, **more) -> JobReport:
    return JobReport("r1", word, at(seconds), start=None if start is None else at(start), **more)


def after(*reports: JobReport | Scan, latest: Job | None = None) -> list[Job]:
    """All jobs of the robot, each report as a batch of its own: as hard as it gets."""
    stored: dict[int, Job] = {1: latest} if latest else {}
    for report in reports:
        recent = sorted(stored.values(), key=lambda j: (j.active, j.start_time))
        for job in jobs_after({"r1": recent}, [report]):
            number = job.id or len(stored) + 1
            stored[number] = replace(job, id=number)
    return [stored[n] for n in sorted(stored)]


def states(jobs: list[Job]) -> list[tuple[str, float, int]]:
    return [(j.status, (j.start_time - T0).total_seconds(), j.items_done) for j in jobs]


def test_a_whole_job_is_one_row_and_one_batch_gives_the_same():
    reports = (
        said("started", 0, 0, items_total=4, task_name="sort"),
        said("working", 5, 0, items_done=1),
        said("completed", 9, 0, items_done=4),
    )
    (one,) = after(*reports)
    (same,) = jobs_after({}, reports)
    assert states([one]) == states([same]) == [("completed", 0, 4)]
    assert one.percent_complete == 100
    assert one.end_time == at(9)
    assert one.task_name == "sort"


def test_percent_is_worked_out_where_it_is_not_said():
    (job,) = after(said("started", 0, items_total=4), said("working", 1, items_done=3))
    assert job.percent_complete == 75


def test_repeated_messages_change_nothing():
    reports = [said("started", 0, 0), said("working", 5, 0, items_done=1)]
    reports.append(said("completed", 9, 0, items_done=4))
    repeated = [one for one in reports for _ in range(2)]
    assert states(after(*repeated, *reports)) == states(after(*reports))


def test_without_start_times_repetitions_of_start_and_end_change_nothing():
    reports = [said("started", 0), said("started", 10), said("completed", 20)]
    reports += [said("completed", 30), said("completed", 40)]
    assert states(after(*reports)) == [("completed", 0, 0)]


def test_old_news_does_not_undo_newer():
    (job,) = after(
        said("started", 0, 0),
        said("working", 8, 0, items_done=3),
        said("working", 5, 0, items_done=1),
    )
    assert job.items_done == 3
    assert states(after(said("completed", 9, 0), said("started", 0, 0), said("working", 5, 0))) == [
        ("completed", 0, 0)
    ]


def test_progress_without_a_start_opens_the_job_and_a_late_start_corrects_it():
    (job,) = after(said("working", 20, items_done=2))
    assert states([job]) == [("active", 20, 2)]
    (job,) = after(said("working", 20, items_done=2), said("working", 25, 3, items_done=3))
    assert states([job]) == [("active", 3, 3)]
    (job,) = after(said("working", 20, details={"elapsed_time": 15.0}))
    assert states([job]) == [("active", 5, 0)]


def test_an_end_without_a_start_is_a_whole_job():
    (job,) = after(said("failed", 20, 5, reason="dropped"))
    assert (job.status, job.start_time, job.end_time, job.reason) == (
        "failed", at(5), at(20), "dropped",
    )  # fmt: skip


def test_cancelled_and_unsuccessful_are_failed_with_the_reason():
    assert after(said("started", 0), said("cancelled", 5))[0].reason == "cancelled"
    assert after(said("started", 0), said("completed", 5, success=False))[0].status == "failed"


def test_a_new_start_ends_the_job_before_it():
    jobs = after(
        said("started", 0, 0), said("working", 5, 0, items_done=1), said("started", 60, 60)
    )
    assert states(jobs) == [("failed", 0, 1), ("active", 60, 0)]
    assert jobs[0].reason == SUPERSEDED
    # In one batch as well, and progress of a job whose start was lost.
    jobs = jobs_after({}, [said("started", 0, 0), said("working", 90, 80, items_done=2)])
    assert states(jobs) == [("failed", 0, 0), ("active", 80, 2)]


def named(jobs: list[Job]) -> list[tuple[str | None, str, str | None]]:
    return sorted(
        (j.task_name or "", j.status, j.reason)  # type: ignore[misc]
        for j in jobs
    )


LATE_END = [
    # Known by its task, its beginning, or the beginning on the robot's own clock.
    said("completed", 90, task_name="A", items_done=4),
    said("completed", 90, 0, task_name="A", items_done=4),
    said("completed", 90, 0, items_done=4),
    # Said before B began, and late on its way; with its time.
    said("completed", 50, task_name="A", items_done=4),
    said("completed", 90, task_name="A", items_done=4, end=at(50)),
]


@pytest.mark.parametrize("end", LATE_END)
def test_an_end_that_comes_after_the_next_start_ends_its_own_job(end):
    reports = [
        said("started", 0, 0, task_name="A"),
        said("started", 60, 60, task_name="B"),
        said("working", 70, task_name="A", items_done=3),
        end,
        end,
        said("working", 95, task_name="B", items_done=1),
    ]
    for jobs in (after(*reports), jobs_after({}, reports)):
        a, b = jobs
        assert named(jobs) == [("A", "completed", None), ("B", "active", None)]
        assert (a.items_done, b.items_done) == (4, 1)
        assert a.end_time == (at(50) if end.end or end.at == at(50) else at(60))
    # The next one has ended as well, by then.
    jobs = after(*reports[:3], said("completed", 80, task_name="B"), end)
    assert named(jobs) == [("A", "completed", None), ("B", "completed", None)]


@pytest.mark.parametrize(
    ("word", "more", "status", "reason"),
    [
        ("cancelled", {}, "failed", "cancelled"),
        ("failed", {"reason": "dropped"}, "failed", "dropped"),
        ("completed", {"success": False}, "failed", None),
    ],
)
def test_a_late_end_says_how_the_job_ended(word, more, status, reason):
    jobs = after(
        said("started", 0, task_name="A"),
        said("started", 60, task_name="B"),
        said(word, 61, task_name="A", **more),
    )
    assert named(jobs) == [("A", status, reason), ("B", "active", None)]


def test_the_end_of_a_task_whose_start_was_lost_leaves_the_active_job_alone():
    jobs = after(said("started", 60, task_name="B"), said("completed", 61, task_name="A"))
    assert named(jobs) == [("A", "completed", None), ("B", "active", None)]
    # Repeated, and then B goes on.
    jobs = after(
        said("started", 60, task_name="B"),
        said("completed", 61, task_name="A"),
        said("completed", 62, task_name="A"),
        said("completed", 70, task_name="B"),
    )
    assert named(jobs) == [("A", "completed", None), ("B", "completed", None)]


def test_progress_of_another_task_is_another_job_and_a_task_may_be_named_late():
    jobs = after(said("started", 0, task_name="A"), said("working", 60, task_name="B"))
    assert named(jobs) == [("A", "failed", SUPERSEDED), ("B", "active", None)]
    (job,) = after(said("started", 0), said("completed", 60, task_name="A"))
    assert named([job]) == [("A", "completed", None)]


def test_the_same_task_begun_again_is_another_job_and_its_end_is_its_own():
    jobs = after(
        said("started", 0, task_name="A"),
        said("started", 90, task_name="A"),
        said("completed", 99, task_name="A"),
    )
    assert [(j.status, j.reason) for j in jobs] == [("failed", SUPERSEDED), ("completed", None)]
    # Long after A was superseded, its task is done again.
    jobs = after(
        said("started", 0, task_name="A"),
        said("started", 60, task_name="B"),
        said("working", 9000, task_name="A"),
    )
    assert [j.task_name for j in jobs if j.active] == ["A"]
    assert len(jobs) == 3


def test_a_second_job_after_the_first_is_a_row_of_its_own():
    jobs = after(
        said("started", 0), said("completed", 9), said("started", 20), said("completed", 30)
    )
    assert [j.status for j in jobs] == ["completed", "completed"]


def test_a_scan_is_the_last_item_of_the_active_job_only():
    scan = Scan("r1", at(5), {"qr_data": "B1"})
    assert after(scan) == []
    assert after(said("started", 0), scan)[0].last_item == {"qr_data": "B1"}
    assert after(said("started", 0), said("completed", 3), scan)[0].last_item is None


def asked_for(**more) -> Job:
    return replace(asked("r1", at(100), "c1", "sort", 4, None), **{"id": 1, **more})


def test_a_job_that_was_asked_for_is_begun_by_the_robots_first_report_of_it():
    (job,) = after(said("started", 103, 103, task_name="sort"), latest=asked_for())
    assert states([job]) == [("active", 103, 0)]
    assert (job.awaited, job.items_total, job.details) == (False, 4, {"command_id": "c1"})
    (job,) = after(
        said("started", 103, 103, task_name="sort", items_total=4),
        said("in_progress", 120, 103, items_done=2),
        said("completed", 130, 103, items_done=4),
        latest=asked_for(),
    )
    assert states([job]) == [("completed", 103, 4)]
    # The start was lost.
    (job,) = after(said("working", 110, items_done=1), latest=asked_for())
    assert states([job]) == [("active", 110, 1)]
    # Another clock, five minutes behind.
    (job,) = after(said("started", -200, task_name="sort"), latest=asked_for())
    assert states([job]) == [("active", -200, 0)]


def test_news_of_the_job_before_does_not_begin_the_one_that_was_asked_for():
    for old in (
        said("completed", 101, 20),
        said("completed", 101),
        said("cancelled", 101, task_name="sort"),
        said("in_progress", 99, 20, items_done=3),
        said("in_progress", 101, task_name="other"),
    ):
        assert after(old, latest=asked_for()) == [asked_for()]


def test_a_robot_that_goes_on_to_another_job_supersedes_the_one_that_was_asked_for():
    jobs = after(said("started", 105, 105, task_name="other"), latest=asked_for())
    assert [(job.status, job.reason) for job in jobs] == [("failed", SUPERSEDED), ("active", None)]


def test_a_late_start_takes_up_the_job_that_was_given_up_and_much_later_it_is_another():
    given_up = asked_for(status="failed", end_time=at(105), reason="silent")
    (job,) = after(said("started", 110, 110, task_name="sort"), latest=given_up)
    assert (job.status, job.reason, job.end_time) == ("active", None, None)
    jobs = after(said("started", 900, 900, task_name="sort"), latest=given_up)
    assert [job.status for job in jobs] == ["failed", "active"]
    assert after(said("completed", 106, 20), latest=given_up) == [given_up]

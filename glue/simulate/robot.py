"""One simulated robot's state, and how its job goes on. Values in, values out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from glue.simulate.scenarios import Nature

ITEMS = 10
ITEM_S = 4.0
REST_S = 15.0
"""Between two jobs of a robot with the trait ``job``."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work on items; times in seconds since the robot was switched on."""

    task_name: str
    items_total: int
    started: float
    number: int
    items_done: int = 0
    ended: float | None = None
    outcome: str = ""

    @property
    def percent(self) -> float:
        return round(100 * self.items_done / self.items_total, 1)


@dataclass(frozen=True, slots=True)
class Robot:
    """``job`` stays after its end, so that the next one can wait for :data:`REST_S`."""

    nature: Nature
    job: Job | None = None
    jobs: int = 0
    stopped: bool = False
    emergency: str | None = None
    off: bool = False
    targets: dict[int, float] = field(default_factory=dict)

    @property
    def robot_id(self) -> str:
        return self.nature.robot_id

    @property
    def working(self) -> bool:
        return self.job is not None and self.job.ended is None


def start_job(robot: Robot, t: float, task_name: str, items_total: int) -> Robot:
    job = Job(task_name, max(1, items_total), t, robot.jobs + 1)
    return replace(robot, job=job, jobs=job.number)


def end_job(robot: Robot, t: float, outcome: str) -> Robot:
    """``outcome`` is completed, cancelled or failed."""
    return replace(robot, job=replace(robot.job, ended=t, outcome=outcome)) if robot.job else robot


def work(robot: Robot, t: float) -> tuple[Robot, str | None]:
    """The robot at ``t``, and the job status to tell now, if there is something to tell.

    Each third job of a working robot is cancelled, each fifth fails, the others complete.
    """
    job = robot.job
    if robot.stopped or robot.emergency:
        return robot, None
    if job is None or job.ended is not None:
        rested = job is None or job.ended is None or t - job.ended >= REST_S
        if "job" in robot.nature.traits and rested:
            return start_job(robot, t, "sort_boxes", ITEMS), "started"
        return robot, None
    done = min(job.items_total, int((t - job.started) / ITEM_S))
    if done == job.items_done:
        return robot, None
    robot = replace(robot, job=replace(job, items_done=done))
    half = done >= job.items_total / 2
    for outcome, every in (("failed", 5), ("cancelled", 3)):
        if half and job.number % every == 0 and done < job.items_total:
            return end_job(robot, t, outcome), outcome
    if done == job.items_total:
        return end_job(robot, t, "completed"), "completed"
    return robot, "working" if done == 1 else "in_progress"

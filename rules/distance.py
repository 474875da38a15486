"""Where a visit took place: distance, speed and what is doubtful about it. Doubt is shown, never hidden."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_000


@dataclass(frozen=True, slots=True)
class Place:
    """A point in degrees; all points that are compared must be of one coordinate system (WeChat: GCJ-02)."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class VisitPolicy:
    """The values of a pack for visits."""

    photos_min: int
    distance_warn_m: int
    accuracy_warn_m: int
    speed_warn_kmh: int
    clock_warn_minutes: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit as it came in: `taken_at` by the device, `received_at` by us; `late` when uploaded later."""

    taken_at: datetime
    received_at: datetime
    place: Place | None
    accuracy_m: int | None = None
    photo_times: tuple[datetime | None, ...] = ()
    late: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a visit: a word for programs, a sentence for the town, the figure behind it."""

    code: str
    message: str
    value: int | None = None
    doubtful: bool = True


def distance_m(one: Place, other: Place) -> int:
    """Metres between two points along the surface, to the metre. Clause: S9.2."""
    lat1, lat2 = radians(one.latitude), radians(other.latitude)
    half_lat, half_lon = (lat2 - lat1) / 2, radians(other.longitude - one.longitude) / 2
    chord = sin(half_lat) ** 2 + cos(lat1) * cos(lat2) * sin(half_lon) ** 2
    return round(2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, chord))))


def speed_kmh(metres: int, between: timedelta) -> int | None:
    """Whole km/h needed to cover the distance; None when no time passed but ground was covered.

    Clause: S18.9.
    """
    seconds = abs(between.total_seconds())
    if metres == 0:
        return 0
    return None if seconds == 0 else round(metres / seconds * 3.6)


def visit_findings(
    visit: Visit,
    registered: Place | None,
    policy: VisitPolicy,
    previous: Visit | None = None,
    reused_photos: int = 0,
) -> list[Finding]:
    """Everything the town should see about a visit; the distance always, the rest when it is doubtful.

    `previous` is the same cadre's visit before this one, `reused_photos` how many pictures were seen before.
    Clause: S9.2, S18.9.
    """
    return [
        *_place_findings(visit, registered, policy),
        *photo_findings(visit, policy, reused_photos),
        *_travel_findings(visit, previous, policy),
        *_clock_findings(visit, policy),
    ]


def _place_findings(visit: Visit, registered: Place | None, policy: VisitPolicy) -> list[Finding]:
    if visit.place is None:
        return [Finding("no_place", "没有定位，请问清走访地点。")]
    found = []
    if visit.accuracy_m is not None and visit.accuracy_m > policy.accuracy_warn_m:
        found.append(Finding("weak_place", f"定位不准，误差约{visit.accuracy_m}米。", visit.accuracy_m))
    if registered is None:
        return [*found, Finding("no_registered_place", "没有登记住址的位置，无法算距离。", doubtful=False)]
    metres = distance_m(visit.place, registered)
    far = metres > policy.distance_warn_m
    words = f"走访地点离登记住址{metres}米{'，偏远' if far else ''}。"
    return [*found, Finding("far_from_home" if far else "distance", words, metres, doubtful=far)]


PHOTO_CODES = frozenset({"few_photos", "photo_time", "reused_photo"})
"""Findings that the pictures alone decide."""


def photo_findings(visit: Visit, policy: VisitPolicy, reused_photos: int) -> list[Finding]:
    """What the pictures of a visit say, judged anew when one of them comes later. Clause: S18.9."""
    found = []
    count, limit = len(visit.photo_times), timedelta(minutes=policy.clock_warn_minutes)
    if count < policy.photos_min:
        found.append(Finding("few_photos", f"照片{count}张，要求至少{policy.photos_min}张。", count))
    off = sum(1 for taken in visit.photo_times if taken is not None and abs(visit.taken_at - taken) > limit)
    if off:
        found.append(Finding("photo_time", f"{off}张照片的拍摄时间和走访时间对不上。", off))
    if reused_photos:
        found.append(Finding("reused_photo", f"{reused_photos}张照片以前用过。", reused_photos))
    return found


def _travel_findings(visit: Visit, previous: Visit | None, policy: VisitPolicy) -> list[Finding]:
    if previous is None or previous.place is None or visit.place is None:
        return []
    speed = speed_kmh(distance_m(previous.place, visit.place), visit.taken_at - previous.taken_at)
    if speed is not None and speed <= policy.speed_warn_kmh:
        return []
    words = (
        "和上一次走访同一时间，却不在同一个地方。"
        if speed is None
        else f"从上一次走访赶来要每小时{speed}公里。"
    )
    return [Finding("impossible_travel", words, speed)]


def _clock_findings(visit: Visit, policy: VisitPolicy) -> list[Finding]:
    ahead = visit.taken_at - visit.received_at
    minutes = round(abs(ahead.total_seconds()) / 60)
    if minutes <= policy.clock_warn_minutes or (visit.late and ahead <= timedelta()):
        return []
    return [Finding("clock_off", f"手机时间和系统时间差{minutes}分钟。", minutes)]


def same_picture(one: int, other: int, most_bits: int) -> bool:
    """Are two perceptual hashes of pictures closer than so many bits? Clause: S18.9."""
    return (one ^ other).bit_count() <= most_bits

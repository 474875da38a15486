// Times as people in Beijing read them, whatever the zone of this browser.

const ZONE = "Asia/Shanghai";
const DAY = 86_400_000;
const parts = new Intl.DateTimeFormat("zh-CN", {
  timeZone: ZONE, year: "numeric", month: "numeric", day: "numeric", weekday: "short",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

/** {year, month, day, weekday, hour, minute, second} of an instant in Beijing. */
export function beijing(instant) {
  return Object.fromEntries(parts.formatToParts(new Date(instant)).map((part) => [part.type, part.value]));
}

function dayNumber(instant) {
  return Math.floor((Number(new Date(instant)) + 8 * 3_600_000) / DAY);
}

/** What stands between messages: 09:00, 昨天 09:00, 周三 09:00, 11月28日 09:00. */
export function stamp(instant, now) {
  const at = beijing(instant);
  const time = `${at.hour}:${at.minute}`;
  const age = dayNumber(now) - dayNumber(instant);
  if (age === 0) return time;
  if (age === 1) return `昨天 ${time}`;
  if (age > 1 && age < 7) return `${at.weekday} ${time}`;
  const day = `${at.month}月${at.day}日 ${time}`;
  return at.year === beijing(now).year ? day : `${at.year}年${day}`;
}

/** 2026年11月28日 周六 and 09:00:12 of the platform's clock. */
export function clockFace(now) {
  const at = beijing(now);
  return {
    day: `${at.year}年${at.month}月${at.day}日`, short: `${at.month}月${at.day}日`,
    weekday: at.weekday, time: `${at.hour}:${at.minute}`, seconds: at.second,
  };
}

/** The value of a datetime-local input for an instant. */
export function localInput(instant) {
  return new Date(Number(new Date(instant)) + 8 * 3_600_000).toISOString().slice(0, 16);
}

/** The next 09:00 in Beijing after an instant, as the clock interface takes it. */
export function nextNine(now) {
  const today = `${localInput(now).slice(0, 10)}T09:00`;
  if (localInput(now) < today) return today;
  return `${localInput(Number(now) + DAY).slice(0, 10)}T09:00`;
}

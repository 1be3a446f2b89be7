// Shows times in the reader's time zone. Without it, times are in UTC, as their text says.
for (const time of document.querySelectorAll("time[datetime]")) {
  const inUtc = time.textContent;
  const here = new Date(time.dateTime).toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: /:\d\d:/.test(inUtc) ? "2-digit" : undefined,
    timeZoneName: "short",
  });
  time.textContent = here.replace(" at ", ", ");
  time.title = inUtc;
}

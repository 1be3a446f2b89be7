// Browsers can keep a page in memory and show it again when the user goes back. The session of the
// page may have ended by then, so the page stays hidden until the server confirms that the same
// session is still signed in; input is kept then. Otherwise the page is loaded again.
{
  const root = document.documentElement;
  const token = (page) => page.querySelector("header [name=form_token]")?.value;

  const isStillSignedIn = async () => {
    const answer = await fetch("/public", { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return token(page) === token(document);
  };

  addEventListener("pagehide", ({ persisted }) => (root.hidden = persisted));
  addEventListener("pageshow", async ({ persisted }) => {
    if (!persisted) return;
    root.hidden = true;
    if (await isStillSignedIn().catch(() => false)) root.hidden = false;
    // A reload would send a form again.
    else location.replace(location.pathname + location.search);
  });
}

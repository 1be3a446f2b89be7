// A browser can keep a page in memory and show it again when somebody goes back. The session of
// the page may have ended by then: the page stays hidden until the server has said that the same
// session is still signed in. Otherwise it is loaded again. What was typed stays in the first case.
{
  const root = document.documentElement;
  const token = (page) => page.querySelector("header [name=form_token]")?.value;

  const isStillSignedIn = async () => {
    const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return token(page) === token(document);
  };

  addEventListener("pagehide", ({ persisted }) => (root.hidden = persisted));
  addEventListener("pageshow", async ({ persisted }) => {
    if (!persisted) return;
    root.hidden = true;
    if (await isStillSignedIn().catch(() => false)) root.hidden = false;
    // Not a reload, which would send a form again.
    else location.replace(location.pathname + location.search);
  });
}

// Adds a Show button to each marked password field. Without it, the page works the same.
for (const input of document.querySelectorAll("input[data-show-password]")) {
  const button = document.createElement("button");
  const status = document.createElement("span");
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  status.className = "hidden";
  status.setAttribute("role", "status");
  // "Link password (optional)": "Show link password".
  const label = input.labels[0].textContent.replace(" (optional)", "").toLowerCase();

  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? "Hide" : "Show";
    button.setAttribute("aria-label", `${button.textContent} ${label}`);
  };

  button.addEventListener("click", () => {
    const visible = input.type === "password";
    show(visible);
    status.textContent = visible ? "Password shown" : "Password hidden";
  });
  // Browsers remember the content of text fields and suggest it again.
  input.form.addEventListener("submit", () => show(false));
  // Going back in the history restores the page as it was left.
  window.addEventListener("pagehide", () => show(false));

  show(false);
  input.after(button, status);
}

// Puts a Show button beside each marked password field. Without it the page works the same.
for (const input of document.querySelectorAll("input[data-show-password]")) {
  const button = document.createElement("button");
  const status = document.createElement("span");
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  status.className = "hidden";
  status.setAttribute("role", "status");

  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? "Hide" : "Show";
    button.setAttribute("aria-label", `${visible ? "Hide" : "Show"}: ${input.labels[0].textContent}`);
  };

  button.addEventListener("click", () => {
    const visible = input.type === "password";
    show(visible);
    status.textContent = visible ? "The password is visible" : "The password is hidden";
  });
  // A browser keeps what it was sent in a text field and offers it again.
  input.form.addEventListener("submit", () => show(false));
  // Coming back through history restores the page as it was left.
  window.addEventListener("pagehide", () => show(false));

  show(false);
  input.after(button, status);
}

// Puts a Copy button beside each marked field. Without it what is in the field can be selected.
for (const input of document.querySelectorAll("input[data-copy]")) {
  const button = document.createElement("button");
  const status = document.createElement("span");
  button.type = "button";
  status.className = "hidden";
  status.setAttribute("role", "status");

  const name = (words) => {
    button.textContent = words;
    button.setAttribute("aria-label", `${words}: ${input.labels[0].textContent}`);
  };

  button.addEventListener("click", () => {
    input.select();
    // What has replaced this is there with HTTPS only.
    const isCopied = document.execCommand("copy");
    button.focus();
    name(isCopied ? "Copied" : "Copy");
    status.textContent = isCopied ? "The link is copied" : "Select the link, and copy it yourself";
  });

  // It can be pressed again, and says so again.
  button.addEventListener("blur", () => {
    name("Copy");
    status.textContent = "";
  });

  name("Copy");
  input.after(button, status);
}

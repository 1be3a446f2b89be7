// Adds a Copy button to each marked field. Without it, people select the text and copy it.
for (const input of document.querySelectorAll("[data-copy]")) {
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
    // The modern replacement needs HTTPS.
    const isCopied = document.execCommand("copy");
    button.focus();
    name(isCopied ? "Copied" : "Copy");
    status.textContent = isCopied ? "Link copied" : "Copying failed. Select the link and copy it.";
  });

  // Ready for another press, which announces its result again.
  button.addEventListener("blur", () => {
    name("Copy");
    status.textContent = "";
  });

  name("Copy");
  input.after(button, status);
}

// Shows the progress of an upload, which can be cancelled, rejects files that are too large before
// they are sent, and accepts files dropped on the form. Without it, the form works the same.
{
  // The answer is a page, which replaces this one, as it would without a script.
  const show = ({ response, responseURL }) => {
    history.replaceState(null, "", responseURL);
    document.title = response.title;
    document.body.replaceWith(response.body);
    // The scripts of the answer do not run by themselves.
    for (const { src } of response.scripts) {
      document.body.append(Object.assign(document.createElement("script"), { src }));
    }
    scrollTo(0, 0);
    const said = document.querySelector(".notice, h1");
    said?.setAttribute("tabindex", "-1");
    (document.querySelector("[autofocus]") ?? said)?.focus();
  };

  const enhance = (form) => {
    const input = form.querySelector("input[type=file]");
    const button = form.querySelector("button");
    const progress = document.createElement("div");
    const bar = document.createElement("progress");
    const percent = document.createElement("span");
    const cancel = document.createElement("button");
    const status = document.createElement("p");
    progress.className = "actions";
    progress.append(bar, percent, cancel);
    bar.setAttribute("aria-label", "Upload");
    percent.setAttribute("aria-hidden", "true");
    cancel.type = "button";
    cancel.textContent = "Cancel";
    status.setAttribute("role", "status");
    button.after(status);

    const say = (words, isError = false) => {
      status.textContent = words;
      status.classList.toggle("error", isError);
    };

    // The browser asks before it leaves the page.
    const warn = (event) => event.preventDefault();

    const send = () => {
      const request = new XMLHttpRequest();
      let ending = "The upload was interrupted. Nothing was saved. Try again.";
      let quarter = 0;
      const stop = () => {
        if (progress.contains(document.activeElement)) button.focus();
        progress.remove();
        button.ariaDisabled = null;
        removeEventListener("beforeunload", warn);
        say(ending, true);
      };
      // Every quarter is announced.
      const move = ({ loaded, total }) => {
        const part = loaded / total;
        bar.value = part;
        percent.textContent = `${Math.floor(100 * part)} %`;
        if (Math.floor(4 * part) === quarter || part === 1) return;
        quarter = Math.floor(4 * part);
        say(`${25 * quarter} % uploaded.`);
      };
      cancel.onclick = () => {
        ending = "The upload was cancelled. Nothing was saved.";
        request.abort();
      };
      request.open("POST", form.action);
      request.responseType = "document";
      request.setRequestHeader("Accept", "text/html");
      request.upload.addEventListener("progress", move);
      request.upload.addEventListener("load", () => {
        if (document.activeElement === cancel) button.focus();
        cancel.remove();
        ending = "The server did not answer. Reload this page to see whether it was saved.";
        say("Sent. The server is checking the file.");
      });
      request.addEventListener("load", () => {
        removeEventListener("beforeunload", warn);
        if (request.response) show(request);
        else stop();
      });
      request.addEventListener("error", stop);
      request.addEventListener("abort", stop);
      addEventListener("pagehide", () => request.abort(), { once: true });
      addEventListener("beforeunload", warn);
      request.send(new FormData(form));
      // A disabled button would lose the focus.
      button.ariaDisabled = "true";
      bar.value = 0;
      percent.textContent = "0 %";
      progress.append(cancel);
      form.append(progress);
      say("Uploading.");
    };

    input.addEventListener("change", () => say(""));
    form.addEventListener("submit", (event) => {
      if (input.files.length === 0) return;
      event.preventDefault();
      if (button.ariaDisabled) return;
      const { atOnce, max, tooLarge, tooMany } = input.dataset;
      const large = [...input.files].find((file) => file.size > max);
      if (input.files.length > atOnce) say(tooMany, true);
      else if (large) say(tooLarge.replace("NAME", () => large.name), true);
      else return send();
      input.focus();
    });

    const over = (isOver) => form.classList.toggle("over", isOver);
    const offer = (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      over(true);
    };
    form.addEventListener("dragenter", offer);
    form.addEventListener("dragover", offer);
    form.addEventListener("dragleave", (event) => over(form.contains(event.relatedTarget)));
    form.addEventListener("drop", (event) => {
      over(false);
      if (event.dataTransfer.files.length === 0) return;
      event.preventDefault();
      if ([...event.dataTransfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
        return say("A folder cannot be uploaded: choose the files in it.", true);
      }
      input.files = event.dataTransfer.files;
      const { length } = input.files;
      say(length === 1 ? `Chosen: ${input.files[0].name}` : `Chosen: ${length} files`);
    });
  };

  document.querySelectorAll("form[data-upload]").forEach(enhance);
}

// Shows the progress of an upload, rejects files that are too large before they are sent, and
// accepts files dropped on the form. Without it, the form works the same.
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
    const bar = document.createElement("progress");
    const status = document.createElement("p");
    bar.setAttribute("aria-label", "Upload");
    status.setAttribute("role", "status");
    button.after(status);

    const say = (words, isError = false) => {
      status.textContent = words;
      status.classList.toggle("error", isError);
    };

    const send = () => {
      const request = new XMLHttpRequest();
      let ending = "The upload was interrupted. Nothing was saved. Try again.";
      const stop = () => {
        bar.remove();
        button.ariaDisabled = null;
        say(ending, true);
      };
      request.open("POST", form.action);
      request.responseType = "document";
      request.setRequestHeader("Accept", "text/html");
      request.upload.addEventListener("progress", ({ loaded, total }) => (bar.value = loaded / total));
      request.upload.addEventListener("load", () => {
        ending = "The server did not answer. Reload this page to see whether it was saved.";
        say("Sent. The server is checking the file.");
      });
      request.addEventListener("load", () => (request.response ? show(request) : stop()));
      request.addEventListener("error", stop);
      request.addEventListener("abort", stop);
      addEventListener("pagehide", () => request.abort(), { once: true });
      request.send(new FormData(form));
      // A disabled button would lose the focus.
      button.ariaDisabled = "true";
      bar.value = 0;
      form.append(bar);
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

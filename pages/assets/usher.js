// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// What pages do better with a script; none of them needs it. All words come
// from the page, which is in the viewer's language.
(() => {
  "use strict";

  // A form that takes this long has failed, was stopped or brought a file, and may
  // be sent again.
  const patience = 8000;

  const words = document.documentElement.dataset;

  // The button beside a password shows and hides it. The page holds it hidden,
  // because without a script it would do nothing.
  function reveal(button) {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? button.dataset.hide : button.dataset.show;
      button.setAttribute("aria-label", shown ? button.dataset.hideLabel : button.dataset.showLabel);
    };
    button.hidden = false;
    button.addEventListener("click", () => show(input.type === "password"));
    // What is sent must be a password to the browser, which else remembers it as text.
    input.form.addEventListener("submit", () => show(false));
    addEventListener("pageshow", () => show(false));
  }

  // A form is sent once: a second tap on the button would begin again.
  function once(form) {
    let sent = false;
    let button, label, waiting;
    const restore = () => {
      if (!sent) return;
      sent = false;
      clearTimeout(waiting);
      if (!button) return;
      button.textContent = label;
      button.removeAttribute("aria-disabled");
    };
    form.addEventListener("submit", (event) => {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      waiting = setTimeout(restore, patience);
      button = event.submitter;
      if (!button) return;
      // Not the attribute disabled, which takes the focus and the button's value away.
      label = button.textContent;
      button.textContent = words.busy;
      button.setAttribute("aria-disabled", "true");
    });
    addEventListener("pageshow", restore); // the viewer came back to it
  }

  document.querySelectorAll("button.reveal").forEach(reveal);
  document.querySelectorAll("form").forEach(once);

  // Browsers that do not know autofocus on a message.
  const alert = document.getElementById("alert");
  if (alert) alert.focus();
})();

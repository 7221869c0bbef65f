// What the page needs beside trame: uploads as plain HTTP, and keys that go to the view under the mouse as in Slicer.
(function () {
  "use strict";

  function report(text) {
    document.querySelectorAll(".upload-progress").forEach((place) => { place.textContent = text; });
  }

  function upload(file) {
    const request = new XMLHttpRequest();
    request.open("POST", "upload?name=" + encodeURIComponent(file.name));
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) report("Uploading " + Math.round((100 * event.loaded) / event.total) + " %");
    };
    request.upload.onload = () => report("Reading the scan ...");
    request.onloadend = () => report("");
    request.send(file);
  }

  const AREA = ".remote-controlled-area";
  const ARROWS = { ArrowLeft: "Left", ArrowRight: "Right", ArrowUp: "Up", ArrowDown: "Down" }; // VTK's names

  document.addEventListener("mouseover", (event) => {
    const area = event.target.closest(AREA);
    const typing = document.activeElement && document.activeElement.matches("input, textarea");
    if (area && area !== document.activeElement && !typing) area.focus({ preventScroll: true });
  });

  document.addEventListener("keydown", (event) => {
    const undo = event.ctrlKey && { z: ".undo", y: ".redo" }[event.key.toLowerCase()];
    if (undo && !event.target.matches("input, textarea")) {
      event.preventDefault();
      document.querySelector(undo).click();
      return;
    }
    const area = event.target.closest && event.target.closest(AREA);
    const name = ARROWS[event.key];
    if (!area || !name) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    for (const kind of ["keydown", "keyup"]) {
      area.dispatchEvent(new KeyboardEvent(kind, { key: name, bubbles: true }));
    }
  }, true);

  // the browser tells of a letter twice, and the view would take two steps
  document.addEventListener("keypress", (event) => {
    if (event.target.closest && event.target.closest(AREA)) event.stopImmediatePropagation();
  }, true);

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.classList && input.classList.contains("upload-input") && input.files.length === 1) {
      upload(input.files[0]);
      input.value = "";
    }
  });
})();

// Uploads go as plain HTTP beside trame's websocket: any size, with progress, and the page stays alive.
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

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.classList && input.classList.contains("upload-input") && input.files.length === 1) {
      upload(input.files[0]);
      input.value = "";
    }
  });
})();

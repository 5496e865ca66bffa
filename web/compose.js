// compose.js - a cut-out laid on a colour or on another picture, as a picture of its own.

/** A picture that has been read, from its address. */
export async function readImage(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

// As CSS does it with background-size: cover and background-position: center.
function cover(context, image, width, height) {
  const scale = Math.max(width / image.naturalWidth, height / image.naturalHeight);
  const [wide, high] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.drawImage(image, (width - wide) / 2, (height - high) / 2, wide, high);
}

/** `url`'s picture at its full size on `ground`, {colour} or {image}: a PNG as Blob. */
export async function compose(url, ground) {
  const image = await readImage(url);
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw a picture of this size.");
  context.imageSmoothingQuality = "high";
  if (ground.image) {
    cover(context, ground.image, canvas.width, canvas.height);
  } else {
    context.fillStyle = ground.colour;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(image, 0, 0);
  const blob = await toBlob(canvas);
  if (!blob) throw new Error("This browser cannot draw a picture of this size.");
  return blob;
}

function toBlob(canvas) {
  return new Promise((resolve, reject) => {
    try {
      canvas.toBlob(resolve, "image/png");
    } catch (error) {
      // what came from elsewhere may be shown, but not read again
      reject(error.name === "SecurityError" ? new Error("This browser does not let the page save pictures from elsewhere.") : error);
    }
  });
}

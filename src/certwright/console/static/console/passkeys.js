// Say on the page when a passkey could not be used; the exchange itself is django-allauth's.
document.addEventListener('allauth.error', function (event) {
  const place = document.getElementById('passkey_error')
  if (place) {
    place.textContent = place.dataset.failed + ' ' + event.detail.exception.message
    place.hidden = false
  }
})

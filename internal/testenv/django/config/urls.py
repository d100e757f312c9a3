from django.urls import path, re_path

from arrivals import views

urlpatterns = [
    path("nonce/", views.nonce, name="nonce"),
    path("download/<int:size>/", views.download, name="download"),
    path("events/<slug:name>/", views.events, name="events"),
    path("poll/<slug:name>/", views.poll, name="poll"),
    path("early/<int:status>/", views.early, name="early"),
    path("die/", views.die, name="die"),
    path("api/v2/captures/thumbnails/<int:pk>/", views.arrival, name="thumbnail"),
    path("api/v2/captures/gallery/<int:pk>/", views.conditional_gallery, name="gallery"),
    re_path(r"", views.arrival, name="any"),
]

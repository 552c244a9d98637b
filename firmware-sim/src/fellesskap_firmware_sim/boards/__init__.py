"""Lock boards, one file a family: bytes in, bytes out, coils on a plant."""

"""The OTLP edge: the only room that knows protobuf and gRPC."""

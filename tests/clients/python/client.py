"""A client of a concordat node that knows nothing of it beforehand.

Messages and services come from reflection at run time; how a field is written, and which code stands for which number, comes from the
options that the contract carries. Nothing here is generated, and nothing is shared with concordat but the wire.
"""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2  # noqa: F401
from google.protobuf import duration_pb2  # noqa: F401  (well-known types must be in the pool before files that import them)
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PACKAGE = "concordat.v1."
#: Longer than any answer may take; reached only by a defect.
PATIENCE = 60


class Refused(Exception):
    """The node said no. What it said is in `said`."""

    def __init__(self, said):
        super().__init__(said["message"])
        self.said = said


class Contract:
    """What the server says of itself by reflection."""

    def __init__(self, channel):
        self.pool = descriptor_pool.Default()
        self.served = ProtoReflectionDescriptorDatabase(channel)
        self.services = {}
        for name in self.served.get_services():
            if name.startswith(PACKAGE):
                self._take(self.served.FindFileContainingSymbol(name))
                self.services[name.removeprefix(PACKAGE)] = self.pool.FindServiceByName(name)
        self._domain_name = self.pool.FindExtensionByName(PACKAGE + "domain_name")
        self._code = self.pool.FindExtensionByName(PACKAGE + "code")
        body = self.pool.FindMessageTypeByName(PACKAGE + "EventBody")
        self.kinds = {kebab(field.message_type.name): field for field in body.fields}

    def _take(self, file):
        """Adds a file and those that it imports to the pool."""
        try:
            self.pool.FindFileByName(file.name)
            return
        except KeyError:
            pass
        for imported in file.dependency:
            try:
                self.pool.FindFileByName(imported)
            except KeyError:
                self._take(self.served.FindFileByName(imported))
        self.pool.AddSerializedFile(file.SerializeToString())

    def new(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(PACKAGE + name))()

    def name_of(self, field):
        """What the domain calls a field."""
        return field.GetOptions().Extensions[self._domain_name] or field.name

    def code_of(self, value):
        """What the domain calls a value of an enumeration."""
        own = value.GetOptions().Extensions[self._code]
        prefix = separated(value.type.name, "_").upper() + "_"
        return own or value.name.removeprefix(prefix).lower().replace("_", "-")

    def event(self, kind, form):
        """An `EventInput` from the event's type and its fields as the domain names them."""
        event = self.new("EventInput")
        if kind not in self.kinds:
            raise Refused({"message": f"no event type {kind} in the contract"})
        field = self.kinds[kind]
        part = getattr(event.body, field.name)
        part.SetInParent()
        self._fill(part, form)
        # Protobuf cannot tell an empty list from an absent one.
        event.empty_lists.extend(sorted(name for name, value in form.items() if value == []))
        return event

    def _fill(self, message, form):
        fields = {self.name_of(field): field for field in message.DESCRIPTOR.fields}
        for name, value in form.items():
            if name not in fields:
                raise Refused({"message": f"no field {name} in {message.DESCRIPTOR.name}"})
            field = fields[name]
            if field.is_repeated:
                elements = value if isinstance(value, list) else [value]
                for element in elements:
                    if field.message_type:
                        self._fill(getattr(message, field.name).add(), element)
                    else:
                        getattr(message, field.name).append(self._scalar(field, element))
            elif field.message_type:
                part = getattr(message, field.name)
                part.SetInParent()
                self._fill(part, value)
            else:
                setattr(message, field.name, self._scalar(field, value))

    def _scalar(self, field, value):
        if not field.enum_type:
            return value
        for known in field.enum_type.values:
            if known.number != 0 and self.code_of(known) == value:
                return known.number
        raise Refused({"message": f"no {field.enum_type.name} is called {value}"})


def separated(name, by):
    return "".join(by + letter if letter.isupper() and at else letter for at, letter in enumerate(name))


def kebab(name):
    return separated(name, "-").lower()


class Node:
    """One organisation's node, as its local system calls it."""

    #: The contract is the same at all nodes, and a pool takes each file once.
    contract = None

    def __init__(self, address, token):
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        self.credential = (("authorization", f"Bearer {token}"),)
        grpc.channel_ready_future(self.channel).result(timeout=PATIENCE)
        if Node.contract is None:
            Node.contract = Contract(self.channel)

    def close(self):
        self.channel.close()

    def _method(self, name):
        service, method = name.split("/")
        described = self.contract.services[service].methods_by_name[method]
        answer = message_factory.GetMessageClass(described.output_type)
        request = message_factory.GetMessageClass(described.input_type)
        return f"/{PACKAGE}{service}/{method}", request, answer

    def call(self, name, request, timeout=PATIENCE):
        """One call; `request` is a message, or what stands for one in JSON."""
        path, kind, answer = self._method(name)
        if isinstance(request, dict):
            request = json_format.ParseDict(request, kind(), descriptor_pool=self.contract.pool)
        return self.send(path, request.SerializeToString(), answer, timeout)

    def send(self, path, request, answer, timeout=PATIENCE):
        """Sends bytes, whatever they are."""
        send = self.channel.unary_unary(path, request_serializer=lambda given: given, response_deserializer=answer.FromString)
        try:
            return send(request, metadata=self.credential, timeout=timeout)
        except grpc.RpcError as error:
            raise Refused(told(error)) from error

    def stream(self, name, request):
        path, kind, answer = self._method(name)
        request = json_format.ParseDict(request, kind(), descriptor_pool=self.contract.pool)
        open_stream = self.channel.unary_stream(
            path, request_serializer=lambda given: given.SerializeToString(), response_deserializer=answer.FromString
        )
        return open_stream(request, metadata=self.credential)

    def emission(self, asked):
        """An `EmitEventRequest` from what a scenario file says of an event."""
        request = self.contract.new("EmitEventRequest")
        request.event.CopyFrom(self.contract.event(asked["event"], asked["fields"]))
        if asked.get("occurred_at"):
            request.event.occurred_at.FromJsonString(asked["occurred_at"])
        plain = {"eventId": asked["event_id"], "caseId": asked.get("case") or "", "expectedVersion": asked.get("expected_version") or ""}
        plain["waitFor"] = asked.get("wait_for", "STAGE_RULED")
        plain["validateOnly"] = asked.get("validate_only", False)
        json_format.ParseDict(plain, request, descriptor_pool=self.contract.pool)
        return request


def in_json(message):
    return json_format.MessageToDict(message, descriptor_pool=Node.contract.pool)


def told(error):
    """What an error says, its details among it (google.rpc.Status)."""
    said = {"code": error.code().name, "message": error.details(), "fields": {}, "metadata": {}}
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info, request, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                said.setdefault("reasons", []).append(info.reason)
                said.update(domain=info.domain, metadata=dict(info.metadata))
            elif detail.Unpack(request):
                said["fields"].update({field.field: field.description for field in request.field_violations})
            elif detail.Unpack(retry):
                said["retry_after"] = retry.retry_delay.ToJsonString()
    return said

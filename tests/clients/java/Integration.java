import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import concordat.v1.*;
import concordat.v1.CaseServiceOuterClass.*;
import concordat.v1.EventConsent.*;
import concordat.v1.EventIntake.*;
import concordat.v1.EventOuterClass.*;
import concordat.v1.EventServiceOuterClass.*;
import concordat.v1.FeedServiceOuterClass.*;
import concordat.v1.ServerServiceOuterClass.*;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.nio.file.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A local system of one organisation: emits a complaint, then follows the feed.
 *
 * <pre>CONCORDAT_SERVER=http://127.0.0.1:7171 CONCORDAT_TOKEN_FILE=api.token java Integration [--until-caught-up]</pre>
 */
public final class Integration {
  // --8<-- stubs
  private final ManagedChannel channel;
  private final EventServiceGrpc.EventServiceBlockingStub events;
  private final FeedServiceGrpc.FeedServiceBlockingStub feeds;
  private final CaseServiceGrpc.CaseServiceBlockingStub cases;
  private final ServerServiceGrpc.ServerServiceBlockingStub server;

  private Integration(String address, String token) {
    // Repeating is this program's business: it knows the event id, and what the node asks for.
    channel = ManagedChannelBuilder.forTarget(address.replace("http://", "")).usePlaintext().disableRetry().build();
    // --8<-- authenticate
    Metadata credential = new Metadata();
    credential.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token.trim());
    io.grpc.Channel known = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(credential));
    // --8<-- stubs
    events = EventServiceGrpc.newBlockingStub(known);
    feeds = FeedServiceGrpc.newBlockingStub(known);
    cases = CaseServiceGrpc.newBlockingStub(known);
    server = ServerServiceGrpc.newBlockingStub(known);
  }

  // --8<-- errors
  /** What passes by itself. UNKNOWN is not among it: nobody knows what that was. */
  private static final Set<Code> PASSING = EnumSet.of(Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED);

  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  /** What an error says to a program: one stable reason, the faulty fields, and when to try again. */
  private static final class Told {
    final Code code;
    final String text;
    String reason = "";
    final Map<String, String> fields = new TreeMap<>();
    Duration retryAfter;

    Told(StatusRuntimeException error) {
      code = error.getStatus().getCode();
      text = error.getStatus().getDescription();
      byte[] bytes = error.getTrailers() == null ? null : error.getTrailers().get(DETAILS);
      if (bytes == null) return;
      try {
        for (Any detail : com.google.rpc.Status.parseFrom(bytes).getDetailsList()) {
          if (detail.is(ErrorInfo.class)) reason = detail.unpack(ErrorInfo.class).getReason();
          if (detail.is(RetryInfo.class)) retryAfter = detail.unpack(RetryInfo.class).getRetryDelay();
          if (detail.is(BadRequest.class))
            for (BadRequest.FieldViolation one : detail.unpack(BadRequest.class).getFieldViolationsList())
              fields.put(one.getField(), one.getDescription());
        }
      } catch (InvalidProtocolBufferException notDetails) {
        // The code stands by itself.
      }
    }

    /** As long as the node asks for; else longer each time, and never all clients at once. */
    void pause(int attempt) throws InterruptedException {
      double unasked = Math.min(30_000, 200 * Math.pow(2, attempt)) * (0.5 + Math.random() / 2);
      Thread.sleep(retryAfter == null ? (long) unasked : millis(retryAfter));
    }
  }

  private static long millis(Duration span) {
    return span.getSeconds() * 1000 + span.getNanos() / 1_000_000;
  }

  // --8<-- emit
  /** Emits one event until the node has said what became of it. Keep the id with your own record before you call this. */
  private Receipt emit(String eventId, String caseId, EventBody body, String expectedVersion) throws InterruptedException {
    EmitEventRequest.Builder request =
        EmitEventRequest.newBuilder()
            .setEventId(eventId)
            .setCaseId(caseId)
            .setEvent(EventInput.newBuilder().setBody(body))
            .setExpectedVersion(expectedVersion);
    for (int attempt = 0; attempt < 20; attempt++) {
      try {
        return events.withDeadlineAfter(10, TimeUnit.SECONDS).emitEvent(request.build()).getReceipt();
      } catch (StatusRuntimeException error) {
        Told told = new Told(error);
        if (told.reason.equals("STALE_SEQUENCE")) {
          // Another organisation acted meanwhile. A person, or a rule of yours, looks at the case again before this is emitted.
          Case now = cases.getCase(GetCaseRequest.newBuilder().setCaseId(caseId).build()).getJointCase();
          System.out.println("somebody acted before us: the case is " + now.getState());
          request.setExpectedVersion(now.getVersion());
        } else if (!PASSING.contains(told.code)) {
          throw error;
        }
        told.pause(attempt);
      }
    }
    throw new IllegalStateException("no answer for event " + eventId + "; emit it again later under this id");
  }

  // --8<-- consume
  /** Hands each entry to {@code handle} once, and commits it then. Takes the stream up again, whatever ended it. */
  private void follow(String feed, Consumer<EventEnvelope> handle, boolean untilCaughtUp) throws InterruptedException {
    feeds.createFeed(CreateFeedRequest.newBuilder().setFeedId(feed).setStart(FeedStart.FEED_START_BEGINNING).build());
    Set<String> handled = new HashSet<>(); // Keep it where your data is, written in one transaction with it.
    String after = "";
    for (int attempt = 0; ; attempt++) {
      StreamFeedRequest request =
          StreamFeedRequest.newBuilder().setFeedId(feed).setAfterCursor(after).setConsumerName("java example").build();
      // Ends the stream with whatever ends this turn.
      Context.CancellableContext turn = Context.current().withCancellation();
      Context former = turn.attach();
      try {
        Iterator<StreamFeedResponse> stream = feeds.streamFeed(request);
        while (stream.hasNext()) {
          StreamFeedResponse message = stream.next();
          attempt = 0;
          switch (message.getContentCase()) {
            case EVENT:
              EventEnvelope event = message.getEvent().getEvent();
              if (handled.add(event.getSource() + " " + event.getEventId())) handle.accept(event);
              after = commit(feed, message.getEvent().getCursor());
              break;
            case CONTENT_AVAILABLE:
              ContentAvailable available = message.getContentAvailable();
              ListEventsRequest again = ListEventsRequest.newBuilder().setCaseId(available.getCaseId()).build();
              events.listEvents(again).getEventsList().forEach(handle);
              after = commit(feed, available.getCursor());
              break;
            case CAUGHT_UP:
              if (untilCaughtUp) return;
              break;
            case CLOSING:
              Thread.sleep(millis(message.getClosing().getRetryAfter()));
              break;
            case RESYNC_REQUIRED:
              after = message.getResyncRequired().getCursor();
              break;
            default: // A heartbeat, or newer than this program.
          }
        }
      } catch (StatusRuntimeException error) {
        Told told = new Told(error);
        boolean passes = PASSING.contains(told.code) || told.reason.isEmpty() || told.reason.equals("FEED_IN_USE");
        if (!passes) throw error;
        told.pause(attempt);
      } finally {
        turn.detach(former);
        turn.cancel(null);
      }
    }
  }

  /** From here on the node starts behind this entry; an empty cursor stands for that place. */
  private String commit(String feed, String cursor) {
    feeds.commitFeed(CommitFeedRequest.newBuilder().setFeedId(feed).setCursor(cursor).build());
    return "";
  }

  // --8<-- main
  private void run(boolean untilCaughtUp) throws InterruptedException {
    // The node's clock: that of a sandbox is not the machine's.
    long now = server.getServerInfo(GetServerInfoRequest.getDefaultInstance()).getServerTime().getSeconds();
    String today = Instant.ofEpochSecond(now).atZone(ZoneOffset.UTC).toLocalDate().toString();
    Map<String, EventBody.Builder> outbox = new LinkedHashMap<>();
    outbox.put("complaintReceived", EventBody.newBuilder().setComplaintReceived(
        ComplaintReceived.newBuilder().setPolicy("eng-2009").setChannel(EventIntake.Channel.CHANNEL_EMAIL)
            .setComplainantRef("p-1").setSubjectRef("p-1").setNature("discharged without the agreed home care")
            .addOrgsNamed("gss:E06999901").setMatterKnownOn(today).setReceivedOn(today).setScreenedOn(today)));
    outbox.put("complaintAcknowledged", EventBody.newBuilder().setComplaintAcknowledged(
        ComplaintAcknowledged.newBuilder().setMethod("email").setDiscussionOffered(true)
            .setAdvocacySignposted(true).setReassuredNoDetriment(true)));
    outbox.put("consentRequested", EventBody.newBuilder().setConsentRequested(
        ConsentRequested.newBuilder().addOrgs("gss:E06999901").setForm("joint")
            .addAllExplained(List.of("coordinated", "single-contact", "single-response"))));
    String caseId = "";
    String version = "";
    for (Map.Entry<String, EventBody.Builder> entry : outbox.entrySet()) {
      try {
        Receipt receipt = emit(UUID.randomUUID().toString(), caseId, entry.getValue().build(), version);
        caseId = receipt.getCaseId();
        version = receipt.getCaseVersion();
        String became = receipt.getRuling().getEffective() ? "effective" : receipt.getStage().toString();
        System.out.println("emitted " + entry.getKey() + " " + became + " case " + caseId);
      } catch (StatusRuntimeException error) {
        // A person corrects it. Sending it again would give the same answer.
        Told told = new Told(error);
        System.out.println("refused " + entry.getKey() + " " + told.reason + " " + told.text + " " + told.fields);
      }
    }
    // A type that is newer than this program has no body here: keep its place and go on.
    follow("integration", event -> System.out.println(
        "feed " + event.getType() + " " + event.getCaseId() + (event.hasBody() ? "" : " (unknown)")), untilCaughtUp);
  }

  public static void main(String[] arguments) throws Exception {
    String token = Files.readString(Path.of(System.getenv("CONCORDAT_TOKEN_FILE")));
    Integration integration = new Integration(System.getenv("CONCORDAT_SERVER"), token);
    integration.run(List.of(arguments).contains("--until-caught-up"));
    integration.channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
  }
}
